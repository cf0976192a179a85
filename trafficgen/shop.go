package trafficgen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Random streams of the actors; attacks begin at streamAttack.
const (
	streamUser    = 1_000_000
	streamVisitor = 2_000_000
	streamCrawler = 3_000_000
	streamHealth  = 4_000_000
	streamAttack  = 5_000_000
)

// countries are where users live: their share of accounts in percent and their offset from UTC.
var countries = []struct {
	code  string
	share int
	hours int
}{{"DE", 40, 1}, {"FR", 20, 1}, {"GB", 15, 0}, {"US", 15, -5}, {"JP", 10, 9}}

var browsers = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
	"ShopApp/4.2 (iOS 17.5) okhttp/4.12.0",
}

var crawlers = []string{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
}

var (
	categories = []string{"bread", "cakes", "coffee", "flour", "gifts", "tools"}
	words      = []string{"sourdough", "rye", "spelt", "oven", "crumb", "starter", "baguette", "butter", "summer", "winter", "village", "stone"}
)

const (
	products = 800
	articles = 60
	shopURL  = "https://shop.example.com"
)

// homeOf is the country of account n, and homeAddr its usual address: 198.18.0.0/15, a block per country.
func homeOf(n int) int {
	at := n * 37 % 100
	for i, c := range countries {
		if at -= c.share; at < 0 {
			return i
		}
	}
	return 0
}

func homeAddr(country, n int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(18 + country/4), byte(country%4*64 + n/250%64), byte(1 + n%250)})
}

// Country is where a generated client address is, empty when it is not one of a user.
func Country(a netip.Addr) string {
	b := a.As4()
	if i := int(b[1]-18)*4 + int(b[2])/64; b[0] == 198 && (b[1] == 18 || b[1] == 19) && i < len(countries) {
		return countries[i].code
	}
	return ""
}

// person is an account or a visitor: what stays the same from one session to the next.
type person struct {
	n         int
	user      string
	addr      netip.Addr
	agent     string
	tz        int
	hour      int // the local hour around which the sessions lie
	taste     int // favourite category
	favourite int // what every third action is, as action draws it
	orders    int
	reports   bool // one in ten reads the daily report
}

func (g *Generator) person(n int, user string) *person {
	h := int(mix(g.cfg.Seed+uint64(n)) >> 33)
	c := homeOf(n)
	return &person{
		n: n, user: user, addr: homeAddr(c, n), agent: browsers[h%len(browsers)], tz: countries[c].hours,
		hour: 8 + h/7%13, taste: h / 91 % len(categories), favourite: h / 31 % 90, orders: 1 + h/547%9, reports: h/4923%10 == 0,
	}
}

// addShop adds everybody who comes in peace: accounts 60 %, visitors of the website 35 %, crawlers 5 % of the rate.
func (g *Generator) addShop() {
	const perSession = 8.5 // requests, on average
	for n := range g.cfg.Users {
		p := g.person(n, fmt.Sprintf("user%04d", n))
		gap := seconds(perSession * float64(g.cfg.Users) / (g.cfg.Rate * 0.6))
		g.add(streamUser+uint64(n), func(rng *rand.Rand, after time.Time) []Record {
			return p.shopping(rng, p.nextSession(rng, after, gap))
		})
	}
	visitors := max(1, g.cfg.Users/2)
	for n := range visitors {
		p := g.person(g.cfg.Users+n, "")
		gap := seconds(7.5 * float64(visitors) / (g.cfg.Rate * 0.35))
		g.add(streamVisitor+uint64(n), func(rng *rand.Rand, after time.Time) []Record {
			return p.reading(rng, p.nextSession(rng, after, gap))
		})
	}
	for n, agent := range crawlers {
		gap := seconds(float64(len(crawlers)) / (g.cfg.Rate * 0.05))
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + n)})
		g.add(streamCrawler+uint64(n), func(rng *rand.Rand, after time.Time) []Record {
			return crawling(rng, after.Add(wait(rng, gap)), addr, agent)
		})
	}
	g.add(streamHealth, func(rng *rand.Rand, after time.Time) []Record {
		r := Record{Time: after.Add(30 * time.Second), Client: netip.AddrFrom4([4]byte{192, 0, 2, 2}), Method: "GET", Path: "/healthz", UserAgent: "kube-probe/1.29"}
		return []Record{answer(rng, r, 200, 15, 2)}
	})
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// activity is the share of its highest rate that a person has at a moment: around its hour, less at weekends.
func (p *person) activity(t time.Time) float64 {
	local := t.Add(time.Duration(p.tz) * time.Hour)
	away := (local.Hour() - p.hour + 36) % 24 // 12 at the favourite hour
	share := 1 - float64(abs(away-12))/9
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		share *= 0.6
	}
	return max(share, 0.01)
}

func abs(n int) int { return max(n, -n) }

// nextSession draws the start of the next session by thinning; gap is the mean time between sessions over a week.
func (p *person) nextSession(rng *rand.Rand, after time.Time, gap time.Duration) time.Time {
	const meanActivity = 0.33
	for {
		after = after.Add(wait(rng, time.Duration(float64(gap)*meanActivity)) + time.Second)
		if rng.Float64() < p.activity(after) {
			return after
		}
	}
}

// request is what a person asks for at t, without the answer.
func (p *person) request(t time.Time, method, path, query string) Record {
	return Record{Time: t, Client: p.addr, User: p.user, Method: method, Path: path, Query: query, UserAgent: p.agent, Referer: shopURL + "/"}
}

// answer adds status, size and duration; about one request in a thousand fails.
func answer(rng *rand.Rand, r Record, status int, bytes, ms float64) Record {
	if status < 400 && rng.IntN(1000) == 0 {
		status, bytes = 500, 120
	}
	r.Status = status
	r.BytesOut = int64(around(rng, bytes, 0.2))
	r.Duration = time.Duration(around(rng, ms, 0.35)*1000) * time.Microsecond
	r.BytesIn = int64(300 + len(r.Path) + len(r.Query) + len(r.UserAgent))
	if status == 304 || status == 204 {
		r.BytesOut = 0
	}
	return r
}

// shopping is one session of an account at the JSON API.
func (p *person) shopping(rng *rand.Rand, t time.Time) []Record {
	login := p.request(t, "POST", "/api/v1/login", "")
	login.User = ""
	var out []Record
	for rng.IntN(30) == 0 { // a typing error
		login.Time = t
		out = append(out, answer(rng, login, 401, 90, 60))
		t = t.Add(2*time.Second + wait(rng, 4*time.Second))
	}
	login.Time = t
	out = append(out, answer(rng, login, 200, 420, 80))
	t = t.Add(wait(rng, time.Second))
	out = append(out, answer(rng, p.request(t, "GET", "/api/v1/users/me", ""), 200, 600, 12))
	for range 2 + rng.IntN(9) {
		t = t.Add(time.Second + wait(rng, 12*time.Second))
		out = append(out, p.action(rng, t))
	}
	return out
}

// action is one request within a session, by the person's habits.
func (p *person) action(rng *rand.Rand, t time.Time) Record {
	category := categories[p.taste]
	if rng.IntN(4) == 0 {
		category = categories[rng.IntN(len(categories))]
	}
	n := rng.IntN(100)
	if rng.IntN(3) == 0 {
		n = p.favourite
	}
	switch {
	case n < 25:
		return answer(rng, p.request(t, "GET", "/api/v1/products", fmt.Sprintf("category=%s&page=%d", category, 1+rng.IntN(4))), 200, 9000, 35)
	case n < 55:
		status := 200
		if rng.IntN(60) == 0 {
			status = 404
		}
		return answer(rng, p.request(t, "GET", fmt.Sprintf("/api/v1/products/%d", 1000+rng.IntN(products)), ""), status, 1800, 14)
	case n < 65:
		return answer(rng, p.request(t, "GET", "/api/v1/search", "q="+words[rng.IntN(len(words))]+"+"+category), 200, 5200, 70)
	case n < 75:
		return answer(rng, p.request(t, "GET", "/api/v1/orders", ""), 200, 2600, 25)
	case n < 85:
		return answer(rng, p.request(t, "GET", fmt.Sprintf("/api/v1/orders/%d", p.order(rng.IntN(p.orders))), ""), 200, 1500, 18)
	case n < 93:
		return answer(rng, p.request(t, "POST", "/api/v1/cart/items", ""), 201, 300, 40)
	case n < 96 && p.reports:
		return answer(rng, p.request(t, "GET", "/api/v1/reports/"+t.AddDate(0, 0, -1).Format("2006-01-02"), ""), 200, 40_000, 220)
	case n < 98:
		p.orders++
		return answer(rng, p.request(t, "POST", "/api/v1/orders", ""), 201, 700, 130)
	}
	return answer(rng, p.request(t, "GET", "/api/v1/products", "category="+category), 304, 0, 9)
}

// order is the number of the k-th order of the account.
func (p *person) order(k int) int { return 100_000 + (p.n*389+k*7919)%90_000 }

func article(n int) string {
	return fmt.Sprintf("/blog/how-to-%s-with-%s-%s", []string{"bake", "knead", "serve", "store", "choose"}[n%5], words[n%len(words)], words[n/5%len(words)])
}

// reading is one visit to the website: pages, each with what it loads.
func (p *person) reading(rng *rand.Rand, t time.Time) []Record {
	pages := []string{"/", "/about", "/contact", "/shop/" + categories[p.taste], article(rng.IntN(articles)), article(rng.IntN(articles))}
	var out []Record
	referer := "https://www.google.com/"
	for i := range 1 + rng.IntN(4) {
		page := pages[rng.IntN(len(pages))]
		r := p.request(t, "GET", page, "")
		r.Referer = referer
		out = append(out, answer(rng, r, 200, 14_000, 30))
		referer = shopURL + page
		if i == 0 {
			for _, file := range []string{"/assets/css/site.css", "/assets/js/app.3f9c2b.js", "/assets/img/logo.svg", "/favicon.ico"} {
				r := p.request(t.Add(wait(rng, 80*time.Millisecond)), "GET", file, "")
				if r.Referer = referer; rng.IntN(3) == 0 {
					out = append(out, answer(rng, r, 304, 0, 2))
				} else {
					out = append(out, answer(rng, r, 200, 22_000, 4))
				}
				t = out[len(out)-1].Time
			}
		}
		t = t.Add(3*time.Second + wait(rng, 25*time.Second))
	}
	return out
}

// crawling is one request of a search engine.
func crawling(rng *rand.Rand, t time.Time, addr netip.Addr, agent string) []Record {
	r := Record{Time: t, Client: addr, Method: "GET", UserAgent: agent}
	switch n := rng.IntN(20); {
	case n == 0:
		r.Path = "/robots.txt"
	case n == 1:
		r.Path = "/sitemap.xml"
	case n == 2: // what was there once
		r.Path = "/blog/" + strings.Join([]string{words[rng.IntN(len(words))], words[rng.IntN(len(words))], "recipes"}, "-")
		return []Record{answer(rng, r, 404, 900, 8)}
	default:
		r.Path = article(rng.IntN(articles))
	}
	return []Record{answer(rng, r, 200, 14_000, 25)}
}
