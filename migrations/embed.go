// Package migrations holds the store's schema: numbered SQL files, one statement and one object a file, embedded.
//
// The files are templates (text/template) over what store.Schema offers: {{.OnCluster}} after an object's name and
// {{.Engine "MergeTree"}} for its engine, so that a cluster needs no second set. A file must be safe to run twice
// (IF NOT EXISTS, IF EXISTS, OR REPLACE): that is what makes an interrupted run and two servers at once harmless. A file
// that has run anywhere is never changed; its checksum is recorded and compared.
package migrations

import "embed"

// FS holds the files NNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
