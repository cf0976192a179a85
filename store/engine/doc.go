// Package engine is the embedded store: the real ClickHouse engine as a shared library (libchdb), run in a supervised
// child process that serves the ClickHouse HTTP interface on loopback under a random token. Everyone else speaks to it
// with clickhouse-go, exactly as to a server or a cluster.
//
// The package owns the library's installation, the child process and its life, and the HTTP interface. It knows nothing
// of tables, migrations or events.
//
//	Supervisor   starts the child, waits until it answers, starts it again when it dies
//	Server       the HTTP interface over a pool of engine sessions; runs inside the child
//	Install      fetches the pinned library and checks it
package engine
