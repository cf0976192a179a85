package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func learner(t testing.TB, cfg Config) *Templates {
	t.Helper()
	tp, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

func ok(tp *Templates, path string) string {
	r, _ := tp.Template("shop", "GET", path, 200, start)
	return r
}

func TestTemplateByShape(t *testing.T) {
	for _, c := range []struct {
		path, want string
		ids        string
	}{
		{"/", "/", ""},
		{"/orders", "/orders", ""},
		{"/orders/", "/orders", ""},
		{"//orders//17", "/orders/{id}", "17"},
		{"/orders/17", "/orders/{id}", "17"},
		{"/orders/17/items/4", "/orders/{id}/items/{id}", "17,4"},
		{"/users/3f2c8a52-1b7e-4d0c-9a55-0d9be1c5a001", "/users/{id}", "3f2c8a52-1b7e-4d0c-9a55-0d9be1c5a001"},
		{"/users/me", "/users/me", ""},
		{"/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/jobs/{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		{"/blobs/9f86d081884c7d659a2feaa0c55ad015", "/blobs/{id}", "9f86d081884c7d659a2feaa0c55ad015"},
		{"/watch/dQw4w9WgXcQ", "/watch/{id}", "dQw4w9WgXcQ"},
		{"/customers/cus_NffrFeUfNV2Hib", "/customers/{id}", "cus_NffrFeUfNV2Hib"},
		{"/orders/ord-0012345", "/orders/{id}", "ord-0012345"},
		{"/people/kim@example.com/mails", "/people/{email}/mails", "kim@example.com"},
		{"/people/kim%40example.com", "/people/{email}", "kim%40example.com"},
		{"/reports/2015-06-10", "/reports/{date}", "2015-06-10"},
		{"/reports/2015-06-10T12:00:00Z", "/reports/{date}", "2015-06-10T12:00:00Z"},
		{"/api/v1/users/7", "/api/v1/users/{id}", "7"},
		{"/1.1/statuses", "/1.1/statuses", ""},
		{"/api/v2beta1/things", "/api/v2beta1/things", ""},
		{"/assets/js/app.3f2a9c.js", "/assets/js/*.js", ""},
		{"/a/b/c/d/e/f.PNG", "/a/b/c/*.png", ""},
		{"/favicon.ico", "/*.ico", ""},
		{"/wp-login.php", "/wp-login.php", ""},
		{"/account;jsessionid=1A2B/orders", "/account/orders", ""},
		{"http://shop.example.com/orders/17", "/orders/{id}", "17"},
		{"/about-our-company", "/about-our-company", ""},
		{"/GetUserOrderHistory", "/GetUserOrderHistory", ""},
		{"/2015/06/10/why-it-matters", "/{id}/{id}/{id}/why-it-matters", "2015,06,10"},
		{"/tokens/[redacted]", "/tokens/{id}", "[redacted]"},
		{"*", "*", ""},
		{"/../../etc/passwd", Other, ""},
		{"/%2e%2e/%2e%2e/etc/passwd", Other, ""},
		{"/x/<script>alert(1)</script>", Other, ""},
		{"/x/%00", Other, ""},
		{"/x/%zz", Other, ""},
		{"/" + strings.Repeat("a/", 20), Other, ""},
		{"/" + strings.Repeat("a", 3000), Other, ""},
		{"", Other, ""},
		{"shop.example.com:443", Other, ""},
	} {
		t.Run(c.path[:min(len(c.path), 40)], func(t *testing.T) {
			got, ids := learner(t, Config{}).Template("shop", "GET", c.path, 200, start)
			if got != c.want || strings.Join(ids, ",") != c.ids {
				t.Errorf("Template(%q) = %q %q, want %q %q", c.path, got, ids, c.want, c.ids)
			}
		})
	}
}

func TestProofDecidesWhatIsLearned(t *testing.T) {
	for _, c := range []struct {
		name, method string
		status       int
		first, tenth string
	}{
		{"success", "GET", 200, "/thing", "/thing"},
		{"not modified", "GET", 304, "/thing", "/thing"},
		{"not logged", "GET", 0, "/thing", "/thing"},
		{"not found", "GET", 404, Other, Other},
		{"gone", "GET", 410, Other, Other},
		{"refused", "POST", 401, Other, "/thing"},
		{"redirected", "GET", 302, Other, "/thing"},
		{"broken", "GET", 502, Other, "/thing"},
		{"preflight", "OPTIONS", 204, Other, Other},
		{"no method of an API", "FOO", 200, Other, Other},
	} {
		t.Run(c.name, func(t *testing.T) {
			tp := learner(t, Config{})
			got, _ := tp.Template("shop", c.method, "/thing", c.status, start)
			if got != c.first {
				t.Errorf("first: %q, want %q", got, c.first)
			}
			for range 9 {
				got, _ = tp.Template("shop", c.method, "/thing", c.status, start)
			}
			if got != c.tenth {
				t.Errorf("tenth: %q, want %q", got, c.tenth)
			}
		})
	}
}

func TestUnprovenPathsUseWhatIsKnown(t *testing.T) {
	tp := learner(t, Config{})
	ok(tp, "/orders/17")
	ok(tp, "/assets/app.js")
	for path, want := range map[string]string{
		"/orders/99999":              "/orders/{id}",
		"/orders/1'%20OR%201=1--":    "/orders/{id}",
		"/orders/backup":             Other,
		"/orders/../../etc/passwd":   Other,
		"/admin":                     Other,
		"/assets/gone.js":            "/assets/*.js",
		"/assets/gone.css":           Other,
		"/assets/a/b/%2e%2e/evil.js": Other,
	} {
		if got, _ := tp.Template("shop", "GET", path, 404, start); got != want {
			t.Errorf("%s answered with 404: %q, want %q", path, got, want)
		}
	}
}

func TestSlugsCollapseOnceMany(t *testing.T) {
	tp := learner(t, Config{})
	for i := range 60 {
		ok(tp, fmt.Sprintf("/articles/how-to-bake-%s-bread", word(i)))
	}
	if got := ok(tp, "/articles/how-to-bake-sour-bread"); got != "/articles/{slug}" {
		t.Errorf("after 60 articles: %q", got)
	}
	if got := ok(tp, "/articles/search"); got != "/articles/search" {
		t.Errorf("a name beside the slugs: %q", got)
	}
	first := fmt.Sprintf("/articles/how-to-bake-%s-bread", word(0))
	if got := tp.Resolve("shop", first); got != "/articles/{slug}" {
		t.Errorf("Resolve(%q) = %q", first, got)
	}
}

func TestEndpointsWithTrafficSurviveASpray(t *testing.T) {
	tp := learner(t, Config{})
	endpoints := []string{"/users", "/orders", "/products", "/cart", "/checkout", "/login"}
	for range established + 1 {
		for _, e := range endpoints {
			ok(tp, e)
			ok(tp, e+"/17")
		}
	}
	for i := range 5000 { // a single-page application answers everything
		ok(tp, "/"+word(i)+"x")
	}
	for _, e := range endpoints {
		if got := ok(tp, e); got != e {
			t.Errorf("%s became %q", e, got)
		}
		if got := ok(tp, e+"/18"); got != e+"/{id}" {
			t.Errorf("%s/18 became %q", e, got)
		}
	}
	if got := ok(tp, "/surely"); got != "/{slug}" {
		t.Errorf("one more name: %q", got)
	}
}

func TestOwnersAndRepositoriesDoNotExplode(t *testing.T) {
	tp := learner(t, Config{})
	for i := range 15_000 {
		owner, repo := word(i*7919%3000), word(i*104729%5000)
		ok(tp, "/"+owner+"/"+repo)
		ok(tp, fmt.Sprintf("/%s/%s/issues/%d", owner, repo, i))
	}
	live := 0
	for _, r := range tp.Rows() {
		if r.AliasOf == "" {
			live++
		}
	}
	if got := ok(tp, "/someone/something/issues/12"); got != "/{slug}/{slug}/issues/{id}" {
		t.Errorf("a new repository's issue: %q", got)
	}
	if live > 30 {
		t.Errorf("%d templates in use for two endpoints", live)
	}
}

func TestKnownTemplatesWin(t *testing.T) {
	tp := learner(t, Config{Known: []Known{{Service: "shop", OpenAPI: "testdata/shop.yaml", Templates: []string{"/files/{name}.{ext}"}}}})
	for _, c := range []struct{ path, want, ids string }{
		{"/api/orders/17", "/api/orders/{orderId}", "17"},
		{"/api/orders/latest", "/api/orders/latest", ""},
		{"/api/orders/anything-at-all", "/api/orders/{orderId}", "anything-at-all"},
		{"/api/orders/17/items/bread", "/api/orders/{orderId}/items/{sku}", "17,bread"},
		{"/api/reports/daily.csv", "/api/reports/{name}.csv", "daily"},
		{"/files/a.tar", "/files/{name}.{ext}", "a,tar"},
		{"/api/hidden/17", "/api/hidden/{id}", "17"},
	} {
		got, ids := tp.Template("shop", "GET", c.path, 200, start)
		if got != c.want || strings.Join(ids, ",") != c.ids {
			t.Errorf("%s: %q %q, want %q %q", c.path, got, ids, c.want, c.ids)
		}
	}
	if got, _ := tp.Template("shop", "GET", "/api/orders/x", 404, start); got != "/api/orders/{orderId}" {
		t.Errorf("a given template answered with 404: %q", got)
	}
	if got, _ := tp.Template("other", "GET", "/api/orders/latest", 200, start); got != "/api/orders/latest" {
		t.Errorf("another service: %q", got)
	}
}

func TestLoadRestoresTemplates(t *testing.T) {
	tp := learner(t, Config{})
	paths := []string{"/", "/orders/1", "/users/me", "/assets/js/app.js", "/people/kim@example.com/mails"}
	for i := range 40 {
		paths = append(paths, fmt.Sprintf("/articles/how-to-bake-%s-bread", word(i)), fmt.Sprintf("/items/item%d", i))
	}
	for _, p := range paths {
		ok(tp, p)
	}
	changes := tp.TakeChanges()
	if len(tp.TakeChanges()) != 0 {
		t.Error("a second TakeChanges is not empty")
	}
	again := learner(t, Config{})
	again.Load(changes)
	if len(again.TakeChanges()) != 0 {
		t.Error("loading rows made changes")
	}
	for _, p := range append(paths, "/articles/a-new-kind-of-bread", "/items/item99") {
		a, _ := tp.Template("shop", "GET", p, 404, start)
		b, _ := again.Template("shop", "GET", p, 404, start)
		if a != b {
			t.Errorf("%s: %q before, %q after loading", p, a, b)
		}
	}
	if !slices.Equal(tp.Rows(), again.Rows()) {
		t.Error("rows differ after loading")
	}
}

func TestValuesOfALoggedRoute(t *testing.T) {
	for _, c := range []struct{ template, path, want string }{
		{"/orders/{id}", "/orders/17", "17"},
		{"/orders/:id/items/:n", "/orders/17/items/4", "17,4"},
		{"/files/*", "/files/a.txt", "a.txt"},
		{"/orders/{id}", "/users/17", ""},
		{"/orders/{id}", "/orders", ""},
	} {
		if got := strings.Join(Values(c.template, c.path), ","); got != c.want {
			t.Errorf("Values(%q, %q) = %q, want %q", c.template, c.path, got, c.want)
		}
	}
}

func TestShapeAlone(t *testing.T) {
	for path, want := range map[string]string{
		"/orders/17/items": "/orders/{id}/items", "/a/b.js": "/a/*.js", "/": "/", "/x/%00": Other, "*": "*",
	} {
		if got, _ := Shape(path); got != want {
			t.Errorf("Shape(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	cfg := Config{MaxNodes: -1, Known: []Known{{Service: "a"}, {Templates: []string{"orders", "/a/{b"}}}}
	if got := len(cfg.Validate()); got != 4 {
		t.Errorf("%d faults, want 4: %v", got, cfg.Validate())
	}
	if _, err := New(Config{Known: []Known{{OpenAPI: "testdata/absent.yaml"}}}); err == nil {
		t.Error("an absent OpenAPI file is no error")
	}
}

// word spells i in letters, so that it looks like a name.
func word(i int) string {
	syllables := [...]string{"ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu"}
	s := ""
	for {
		s += syllables[i%10]
		if i /= 10; i == 0 {
			return s
		}
	}
}
