package engine

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is in a log and has no part is forgotten; everything else stays, byte for byte.
func TestForgetUncommitted(t *testing.T) {
	path := t.TempDir()
	table := filepath.Join(path, "store", "0ab", "0ab1")
	for _, part := range []string{"202601_1_4_2", "202601_5_5_0", "202602_6_6_0_9", "tmp_insert_202602_8_8_0", "detached"} {
		if err := os.MkdirAll(filepath.Join(table, part), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	logs := filepath.Join(table, "deduplication_logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	const oldest = "1\t202512_1_1_0\tgone with its partition\n"
	for name, c := range map[string]struct{ before, after string }{
		"deduplication_log_2.txt": {oldest, oldest}, // not among the two newest
		"deduplication_log_9.txt": {
			"1\t202601_2_2_0\tmerged\n1\t202601_5_5_1\tthere\n1\t202602_7_7_0\tlost\n", "1\t202601_2_2_0\tmerged\n1\t202601_5_5_1\tthere\n",
		},
		"deduplication_log_10.txt": {
			"2\t202601_3_3_0\tdropped\n1\t202602_6_6_0\tmutated\n1\t202602_8_8_0\ttemporary\nanother shape\n1\t202602_5_5_0\tother partition\n1\t202601_1_1",
			"2\t202601_3_3_0\tdropped\n1\t202602_6_6_0\tmutated\nanother shape\n",
		},
	} {
		if err := os.WriteFile(filepath.Join(logs, name), []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		defer func() {
			got, err := os.ReadFile(filepath.Join(logs, name)) //nolint:gosec // the test's own
			if diff := cmp.Diff(c.after, string(got)); err != nil || diff != "" {
				t.Errorf("%s: %v %s", name, err, diff)
			}
		}()
	}
	for range 2 { // the second time there is nothing to do
		if err := forgetUncommitted(path, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
			t.Fatal(err)
		}
	}
}
