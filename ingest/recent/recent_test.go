package recent

import "testing"

func TestMapKeepsWhatIsUsed(t *testing.T) {
	m := New[int, string](4)
	m.Put(0, "kept")
	for i := 1; i < 100; i++ {
		m.Put(i, "passing")
		if v, ok := m.Get(0); !ok || v != "kept" {
			t.Fatalf("after %d other keys: Get(0) = %q, %v; want it kept, it is read each time", i, v, ok)
		}
		if m.Len() > 8 {
			t.Fatalf("after %d keys: %d entries, want at most twice the size", i, m.Len())
		}
	}
	if _, ok := m.Get(1); ok {
		t.Error("a key that was not read for 98 others is still there")
	}
	m.Clear()
	if _, ok := m.Get(0); ok || m.Len() != 0 {
		t.Error("Clear left something")
	}
}

func TestMapReplaces(t *testing.T) {
	m := New[string, int](0)
	m.Put("a", 1)
	m.Put("a", 2)
	if v, _ := m.Get("a"); v != 2 || m.Len() != 1 {
		t.Errorf("Get = %d with %d entries, want 2 with 1", v, m.Len())
	}
}
