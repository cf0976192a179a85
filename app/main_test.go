package app

import (
	"os"
	"testing"

	"github.com/gatewatch/gatewatch/store/engine"
)

func TestMain(m *testing.M) {
	engine.RunIfChild()
	os.Exit(m.Run())
}

// requireEngine skips the test where the embedded engine's library is not installed.
func requireEngine(t testing.TB) {
	t.Helper()
	if _, err := engine.LibraryPath(); err != nil {
		t.Skipf("no embedded engine: %v", err)
	}
}

// testEngine is the command that starts the engine out of the test binary; see engine.RunIfChild.
func testEngine() []string { return []string{os.Args[0]} }
