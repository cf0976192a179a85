package engine

import (
	"fmt"
	"strings"

	chproto "github.com/ClickHouse/ch-go/proto"

	"github.com/gatewatch/gatewatch/store/engine/libchdb"
)

// helloQuery is what clickhouse-go asks first over HTTP, to learn at which protocol revision results will come. The
// library writes Native at revision 0 whatever the client can read, so the answer is given here, with revision 0, in
// the encoding of the revision that the client offered; it decodes everything after it at revision 0.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

type helloAnswer struct{ version, timezone string }

func readHello(conn *libchdb.Conn) (helloAnswer, error) {
	r, err := conn.Query("SELECT version(), timezone()", "TabSeparatedRaw", nil)
	if err != nil {
		return helloAnswer{}, fmt.Errorf("ask the engine its version: %w", err)
	}
	defer r.Free()
	version, timezone, ok := strings.Cut(strings.TrimSpace(string(r.Bytes())), "\t")
	if !ok {
		return helloAnswer{}, fmt.Errorf("ask the engine its version: unexpected answer %q", r.Bytes())
	}
	return helloAnswer{version, timezone}, nil
}

// encode is the answer as one Native block at the given revision.
func (h helloAnswer) encode(revision int) []byte {
	column := func(s string) *chproto.ColStr {
		c := &chproto.ColStr{}
		c.Append(s)
		return c
	}
	input := chproto.Input{
		{Name: "displayName()", Data: column("gatewatch")},
		{Name: "version()", Data: column(h.version)},
		{Name: "revision()", Data: &chproto.ColUInt32{0}},
		{Name: "timezone()", Data: column(h.timezone)},
	}
	block := chproto.Block{Info: chproto.BlockInfo{BucketNum: -1}, Columns: len(input), Rows: 1}
	var b chproto.Buffer
	if err := block.EncodeBlock(&b, revision, input); err != nil {
		panic(err) // only columns of unequal length fail
	}
	return b.Buf
}
