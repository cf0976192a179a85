package route

import (
	"slices"
	"testing"
	"time"
)

func TestDescribedTemplatesWinAndLeave(t *testing.T) {
	tp, err := New(Config{Known: []Known{{Service: "shop", Templates: []string{"/fixed/{x}"}}, {Templates: []string{"/anywhere/{y}"}}}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ask := func(path, want string, ids ...string) {
		t.Helper()
		got, values := tp.Template("shop", "GET", path, 200, at)
		if got != want || !slices.Equal(values, ids) {
			t.Errorf("%s: %s %q, want %s %q", path, got, values, want, ids)
		}
	}
	ask("/orders/17", "/orders/{id}", "17")
	ask("/users/me", "/users/me")
	ask("/about", "/about")
	if err := tp.Describe("shop", []string{"/orders/{orderId}", "/users/{name}", "/fixed/{z}"}); err != nil {
		t.Fatal(err)
	}
	ask("/orders/17", "/orders/{orderId}", "17")
	ask("/users/me", "/users/{name}", "me")
	ask("/about", "/about")
	ask("/fixed/1", "/fixed/{x}", "1") // the configuration's first
	ask("/anywhere/1", "/anywhere/{y}", "1")
	if got, _ := tp.Template("blog", "GET", "/orders/17", 200, at); got != "/orders/{id}" {
		t.Errorf("another service: %s", got)
	}
	for route, want := range map[string]string{"/orders/{id}": "/orders/{orderId}", "/users/me": "/users/{name}", "/about": "/about"} {
		if got := tp.Resolve("shop", route); got != want {
			t.Errorf("%s is now %s, want %s", route, got, want)
		}
	}
	var aliased int
	for _, r := range tp.Rows() {
		if r.AliasOf != "" {
			aliased++
		}
	}
	if aliased != 2 {
		t.Errorf("%d aliases: %+v", aliased, tp.Rows())
	}
	for _, r := range tp.TakeChanges() {
		if r.AliasOf != "" {
			t.Errorf("a name that only the document gives would be stored: %+v", r)
		}
	}
	if err := tp.Describe("shop", []string{"no path"}); err == nil {
		t.Error("a template that is no path is taken")
	}
	ask("/orders/17", "/orders/{orderId}", "17")
	if err := tp.Describe("shop", nil); err != nil {
		t.Fatal(err)
	}
	ask("/orders/17", "/orders/{id}", "17")
	if got := tp.Resolve("shop", "/users/me"); got != "/users/me" {
		t.Errorf("after the document is gone /users/me is %s", got)
	}
}

// What was learned before a restart is called as the document says after it.
func TestDescribedAfterARestart(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	first.Template("shop", "GET", "/orders/17", 200, at)
	second, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	second.Load(first.Rows())
	if err := second.Describe("shop", []string{"/orders/{orderId}"}); err != nil {
		t.Fatal(err)
	}
	if got := second.Resolve("shop", "/orders/{id}"); got != "/orders/{orderId}" {
		t.Errorf("/orders/{id} is %s", got)
	}
}
