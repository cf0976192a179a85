package route

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type call struct {
	path   string
	status int
}

// traffic draws requests to a service with names, ids and titles under common prefixes, answered in every way.
func traffic(t *rapid.T) []call {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	vocabulary := rapid.SampledFrom([]int{5, 40, 400}).Draw(t, "names")
	n := rapid.IntRange(50, 600).Draw(t, "requests")
	skew := rapid.SampledFrom([]float64{1, 3}).Draw(t, "skew")
	segment := func() string {
		x := r.Float64()
		for range int(skew) - 1 {
			x *= r.Float64()
		}
		i := int(x * float64(vocabulary))
		switch r.IntN(8) {
		case 0:
			return fmt.Sprint(i)
		case 1:
			return fmt.Sprintf("item%d", i)
		case 2:
			return "how-to-make-" + word(i)
		case 3:
			return "api"
		case 4:
			return fmt.Sprintf("%s.js", word(i))
		case 5:
			return word(i) + "@example.com"
		}
		return word(i)
	}
	statuses := []int{200, 200, 200, 200, 404, 404, 302, 403, 500, 0}
	calls := make([]call, n)
	for i := range calls {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString("/" + segment())
		}
		calls[i] = call{b.String(), statuses[r.IntN(len(statuses))]}
	}
	return calls
}

func TestNamesStayOrAreAliased(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tp, err := New(Config{MaxNodes: rapid.SampledFrom([]int{100, 20_000}).Draw(t, "nodes")})
		if err != nil {
			t.Fatal(err)
		}
		learned := map[string]string{}
		for _, c := range traffic(t) {
			got, _ := tp.Template("shop", "GET", c.path, c.status, start)
			was, seen := learned[c.path]
			if seen && tp.Resolve("shop", was) != got {
				t.Fatalf("%s was %s, is %s, and the alias leads to %s", c.path, was, got, tp.Resolve("shop", was))
			}
			if got != Other && c.status == 200 {
				learned[c.path] = got
			}
		}
		for path, was := range learned {
			got, _ := tp.Template("shop", "GET", path, 404, start)
			if tp.Resolve("shop", was) != got {
				t.Fatalf("at the end: %s was %s, is %s, and the alias leads to %s", path, was, got, tp.Resolve("shop", was))
			}
		}
		rows := map[string]Row{}
		for _, r := range tp.Rows() {
			rows[r.Route] = r
		}
		for _, r := range rows {
			if r.AliasOf != "" && (rows[r.AliasOf].Route == "" || rows[r.AliasOf].AliasOf != "") {
				t.Fatalf("%s is an alias of %s, which is not in use", r.Route, r.AliasOf)
			}
		}
	})
}

func TestSameCallsSameTemplates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := traffic(t)
		a, _ := New(Config{})
		b, _ := New(Config{CachePaths: 3})
		var rows []Row
		for i, c := range calls {
			ra, ia := a.Template("shop", "GET", c.path, c.status, start.Add(time.Duration(i)))
			rb, ib := b.Template("shop", "GET", c.path, c.status, start.Add(time.Duration(i)))
			if ra != rb || !slices.Equal(ia, ib) {
				t.Fatalf("%s: %s %q with a large cache, %s %q with a small one", c.path, ra, ia, rb, ib)
			}
			if i%100 == 0 {
				rows = merge(rows, b.TakeChanges())
			}
		}
		rows = merge(rows, b.TakeChanges())
		if !slices.Equal(a.Rows(), rows) {
			t.Fatal("the changes taken on the way are not the rows at the end")
		}
	})
}

func TestLoadedTemplatesAnswerAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := traffic(t)
		a, _ := New(Config{})
		for _, c := range calls {
			a.Template("shop", "GET", c.path, c.status, start)
		}
		b, _ := New(Config{})
		b.Load(a.Rows())
		for _, c := range calls {
			ra, _ := a.Template("shop", "GET", c.path, 404, start)
			rb, _ := b.Template("shop", "GET", c.path, 404, start)
			if ra != rb {
				t.Fatalf("%s: %s before, %s after loading", c.path, ra, rb)
			}
		}
	})
}

func merge(rows, changes []Row) []Row {
	for _, c := range changes {
		i, ok := slices.BinarySearchFunc(rows, c, func(a, b Row) int { return strings.Compare(a.Route, b.Route) })
		if ok {
			rows[i] = c
		} else {
			rows = slices.Insert(rows, i, c)
		}
	}
	return rows
}

// TestMemoryIsBounded sprays a service that answers everything, the worst that an attacker can find.
func TestMemoryIsBounded(t *testing.T) {
	for _, status := range []int{200, 302, 404} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			tp := learner(t, Config{MaxNodes: 5000, CachePaths: 1000})
			r := rand.New(rand.NewPCG(1, 2))
			for range 40_000 {
				var b strings.Builder
				for range 1 + r.IntN(8) {
					b.WriteString("/" + word(r.IntN(1_000_000)))
				}
				tp.Template("shop", "GET", b.String(), status, start)
				tp.Template(fmt.Sprint("host", r.IntN(100_000)), "GET", "/x", status, start)
			}
			s := tp.services["shop"]
			if s.nodes > 5000 || len(s.rows) > 20_000 || len(tp.services) > 200 || tp.cache.Len() > 2000 {
				t.Errorf("%d nodes, %d rows, %d services, %d cached paths", s.nodes, len(s.rows), len(tp.services), tp.cache.Len())
			}
			if status == 404 && len(s.rows) > 0 {
				t.Errorf("paths that do not exist taught %d templates", len(s.rows))
			}
			t.Logf("%d nodes, %d rows", s.nodes, len(s.rows))
		})
	}
}

// FuzzTemplate holds that no path breaks the learner, that templates are bounded and that values are parts of the path.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"/", "/orders/17", "/%2e%2e/x", "/a;b=c/%zz", "http://x/y", "/a//b/", "*", "/\xff\xfe/%ff", "/x.js/..;/y.js"} {
		f.Add(s, 200)
	}
	f.Fuzz(func(t *testing.T, path string, status int) {
		tp := learner(t, Config{})
		got, ids := tp.Template("shop", "GET", path, status, start)
		again, _ := tp.Template("shop", "GET", path, 404, start)
		if got != Other && got != again {
			t.Errorf("%q: %q, then %q", path, got, again)
		}
		if len(got) > 4096 || len(ids) > maxDepth {
			t.Errorf("%q: %q with %d values", path, got, len(ids))
		}
		for _, id := range ids {
			if !strings.Contains(path, id) {
				t.Errorf("%q: the value %q is not in it", path, id)
			}
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	b.Run("repeating", func(b *testing.B) {
		tp := learner(b, Config{})
		paths := make([]string, 1000)
		for i := range paths {
			paths[i] = fmt.Sprintf("/api/v1/orders/%d/items", i)
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			tp.Template("shop", "GET", paths[i%len(paths)], 200, start)
			i++
		}
	})
	b.Run("fresh_ids", func(b *testing.B) {
		tp := learner(b, Config{})
		paths := make([]string, 200_000)
		for i := range paths {
			paths[i] = fmt.Sprintf("/api/v1/orders/%d/items", i)
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			tp.Template("shop", "GET", paths[i%len(paths)], 200, start)
			i++
		}
	})
}
