package store

import (
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	st := openTestStore(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, body := range []string{`{"status":201}`, `{"status":200}`} {
		if err := st.AppendAnswer(t.Context(), "a", time.Now(), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"a": `{"status":200}`, "b": ""} {
		got, err := st.Answer(t.Context(), id, at)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", id, got, err, want)
		}
	}
	if got, err := st.Answer(t.Context(), "a", time.Now().Add(time.Hour)); err != nil || got != nil {
		t.Errorf("an answer that is too old: %q, %v", got, err)
	}
}
