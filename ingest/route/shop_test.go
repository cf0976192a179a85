package route

import (
	"slices"
	"testing"
	"time"

	"github.com/gatewatch/gatewatch/trafficgen"
)

// TestTemplatesOfAShop holds that an API's traffic with attacks in it ends in exactly the templates that the API has.
func TestTemplatesOfAShop(t *testing.T) {
	tp := learner(t, Config{})
	g := trafficgen.New(trafficgen.Config{Duration: 24 * time.Hour, Rate: 2, Users: 100})
	other := map[trafficgen.Kind]int{}
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if got, _ := tp.Template("shop", r.Method, r.Path, r.Status, r.Time); got == Other {
			other[r.Label]++
		}
	}
	var live []string
	for _, r := range tp.Rows() {
		if r.AliasOf == "" {
			live = append(live, r.Route)
		}
	}
	want := []string{
		"/", "/*.ico", "/about", "/api/v1/cart/items", "/api/v1/login", "/api/v1/orders", "/api/v1/orders/{id}", "/api/v1/products",
		"/api/v1/products/{id}", "/api/v1/reports/{date}", "/api/v1/search", "/api/v1/users/me", "/assets/css/*.css",
		"/assets/img/*.svg", "/assets/js/*.js", "/blog/{slug}", "/contact", "/healthz", "/robots.txt", "/shop/bread", "/shop/cakes",
		"/shop/coffee", "/shop/flour", "/shop/gifts", "/shop/tools", "/sitemap.xml",
	}
	if !slices.Equal(live, want) {
		t.Errorf("templates\n got %q\nwant %q", live, want)
	}
	if other[trafficgen.PathScan] < 100 || other[trafficgen.Traversal] < 20 || other[trafficgen.Enumeration] > 0 {
		t.Errorf("requests without a template by attack: %v", other)
	}
}
