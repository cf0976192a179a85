package trafficgen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Kind names an attack, and is the label of its records.
type Kind string

// The attacks.
const (
	BruteForce         Kind = "brute_force"         // one client guesses passwords
	CredentialStuffing Kind = "credential_stuffing" // many clients try stolen pairs, each a few
	PathScan           Kind = "path_scan"           // one client asks for what is not there
	SQLInjection       Kind = "sql_injection"       // payloads in a parameter
	Traversal          Kind = "traversal"           // paths that climb
	Enumeration        Kind = "object_enumeration"  // an account reads the orders of all others
	UserSpike          Kind = "user_spike"          // an account asks forty times as often as ever
	ErrorBurst         Kind = "error_burst"         // an endpoint breaks; not an attack, but an incident
	TrafficSpike       Kind = "traffic_spike"       // many clients overrun an endpoint
	Scraping           Kind = "scraping"            // a program copies the catalogue
)

// Kinds lists all attacks.
var Kinds = []Kind{
	BruteForce, CredentialStuffing, PathScan, SQLInjection, Traversal, Enumeration, UserSpike, ErrorBurst, TrafficSpike, Scraping,
}

// Attack is one attack at one time.
type Attack struct {
	Kind    Kind
	At      time.Duration // after Start
	For     time.Duration // 0: the kind's usual length, minutes
	Every   time.Duration // mean time between two requests of a client; 0: the kind's usual
	Clients int           // 0: as many as the kind usually has; error_burst and attacks by an account have none to choose
}

// DefaultAttacks are all kinds, one after the other, in the last third of the traffic.
func DefaultAttacks(whole time.Duration) []Attack {
	out := make([]Attack, len(Kinds))
	step := whole / 3 / time.Duration(len(Kinds))
	for i, k := range Kinds {
		out[i] = Attack{Kind: k, At: whole*2/3 + time.Duration(i)*step}
		if usual := out[i].length(); usual > step {
			out[i].For = step
		}
	}
	return out
}

func (a Attack) length() time.Duration {
	switch {
	case a.For > 0:
		return a.For
	case a.Kind == PathScan || a.Kind == Traversal:
		return 2 * time.Minute
	case a.Kind == CredentialStuffing:
		return 20 * time.Minute
	}
	return 8 * time.Minute
}

// Truth is what an attack was: for judging what was found.
type Truth struct {
	Kind     Kind
	From, To time.Time
	Clients  []netip.Addr // the attackers; none where ordinary clients suffer (error_burst)
	User     string       // the account that misbehaves, where it is one
}

// Truths tells the attacks that the generator makes.
func (g *Generator) Truths() []Truth {
	out := make([]Truth, len(g.attacks))
	for i, a := range g.attacks {
		from := g.cfg.Start.Add(a.At)
		t := Truth{Kind: a.Kind, From: from, To: from.Add(a.length())}
		switch a.Kind {
		case ErrorBurst:
		case Enumeration, UserSpike:
			p := g.culprit(i)
			t.User, t.Clients = p.user, []netip.Addr{p.addr}
		default:
			for n := range a.crowd() {
				t.Clients = append(t.Clients, g.attacker(i, n))
			}
		}
		out[i] = t
	}
	return out
}

// crowd is how many clients take part.
func (a Attack) crowd() int {
	switch {
	case a.Clients > 0 && a.Kind != Enumeration && a.Kind != UserSpike:
		return a.Clients
	case a.Kind == CredentialStuffing:
		return 40
	case a.Kind == TrafficSpike:
		return 120
	}
	return 1
}

// attacker is the n-th client of attack i: the documentation ranges, apart from all others.
func (g *Generator) attacker(i, n int) netip.Addr {
	return attacker(int((uint64(i)+mix(g.cfg.Run))%200), n) //nolint:gosec // i is an index
}

func attacker(i, n int) netip.Addr {
	if n == 0 && i < 200 {
		return netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i)})
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + (i*7+n)%250)})
}

// culprit is the account that attack i is made with.
func (g *Generator) culprit(i int) *person {
	n := (i*17 + 5 + int(mix(g.cfg.Run)>>33)) % g.cfg.Users //nolint:gosec // 31 bits
	return g.person(n, fmt.Sprintf("user%04d", n))
}

func (g *Generator) addAttacks() {
	for i, a := range g.attacks {
		if a.Kind == ErrorBurst {
			continue
		}
		for n := range a.crowd() {
			start := g.cfg.Start.Add(a.At)
			played := false
			g.add(streamAttack+uint64(i)*1000+uint64(n), func(rng *rand.Rand, _ time.Time) []Record {
				if played {
					return nil
				}
				played = true
				out := g.script(i, n, a, rng, start)
				for k := range out {
					out[k].Label = a.Kind
				}
				return out
			})
		}
	}
}

// script is what the n-th client of attack i does.
func (g *Generator) script(i, n int, a Attack, rng *rand.Rand, start time.Time) []Record {
	bad := &person{addr: g.attacker(i, n), agent: browsers[(i+n)%len(browsers)]}
	every := func(mean time.Duration, make func(k int, t time.Time) Record) []Record {
		if a.Every > 0 {
			mean = a.Every
		}
		var out []Record
		t := start.Add(wait(rng, mean))
		for k := 0; t.Before(start.Add(a.length())); k++ {
			out = append(out, make(k, t))
			t = t.Add(mean/2 + wait(rng, mean/2))
		}
		return out
	}
	switch a.Kind {
	case BruteForce:
		return every(600*time.Millisecond, func(_ int, t time.Time) Record {
			return answer(rng, bad.request(t, "POST", "/api/v1/login", ""), 401, 90, 60)
		})
	case CredentialStuffing:
		return every(time.Minute, func(_ int, t time.Time) Record {
			status := 401
			if rng.IntN(80) == 0 {
				status = 200
			}
			bad.user = fmt.Sprintf("user%04d", rng.IntN(10*g.cfg.Users)) // a stolen name; most are nobody's here
			return answer(rng, bad.request(t, "POST", "/api/v1/login", ""), status, 90, 60)
		})
	case PathScan:
		return every(250*time.Millisecond, func(k int, t time.Time) Record {
			r := bad.request(t, "GET", probe(k), "")
			r.Referer = ""
			return answer(rng, r, 404, 150, 3)
		})
	case SQLInjection:
		return every(3*time.Second, func(k int, t time.Time) Record {
			return answer(rng, bad.request(t, "GET", "/api/v1/products", "category="+injections[k%len(injections)]), []int{200, 400, 500}[k%3], 400, 40)
		})
	case Traversal:
		return every(2*time.Second, func(k int, t time.Time) Record {
			up := strings.Repeat([]string{"../", "..%2f", "%2e%2e/", "....//"}[k%4], 3+k%5)
			return answer(rng, bad.request(t, "GET", "/assets/img/"+up+"etc/passwd", ""), []int{400, 404}[k%2], 150, 3)
		})
	case Enumeration:
		p := g.culprit(i)
		return every(900*time.Millisecond, func(k int, t time.Time) Record {
			status := 200
			if rng.IntN(12) == 0 {
				status = 404
			}
			return answer(rng, p.request(t, "GET", fmt.Sprintf("/api/v1/orders/%d", 100_000+k), ""), status, 1500, 18)
		})
	case UserSpike:
		p := g.culprit(i)
		return every(500*time.Millisecond, func(_ int, t time.Time) Record { return p.action(rng, t) })
	case TrafficSpike:
		return every(8*time.Second, func(_ int, t time.Time) Record {
			return answer(rng, bad.request(t, "GET", "/api/v1/products", "category=bread&page=1"), 200, 9000, 90)
		})
	case Scraping:
		bad.agent = "HTTrack 3.49-2 (mirror)"
		return every(300*time.Millisecond, func(k int, t time.Time) Record {
			return answer(rng, bad.request(t, "GET", fmt.Sprintf("/api/v1/products/%d", 1000+k%products), ""), 200, 1800, 14)
		})
	}
	return nil
}

var probes = []string{
	"/.env", "/.git/config", "/wp-login.php", "/admin", "/administrator/", "/phpmyadmin/", "/backup.zip", "/config.php.bak", "/server-status",
	"/.aws/credentials", "/api/swagger.json", "/actuator/env", "/console", "/shell.php", "/old/", "/test.php", "/db.sql", "/id_rsa", "/cgi-bin/status",
}

// probe is the k-th path that a scan asks for.
func probe(k int) string {
	if k < len(probes) {
		return probes[k]
	}
	return fmt.Sprintf("/%s/%s%d.php", words[k%len(words)], words[k*5%len(words)], k)
}

var injections = []string{
	"bread'%20OR%20'1'='1", "bread'%20UNION%20SELECT%20name,hash%20FROM%20accounts--", "1;%20DROP%20TABLE%20orders--", "bread'%20AND%20SLEEP(5)--",
	"bread'%20AND%201=CONVERT(int,@@version)--", "-1'%20UNION%20ALL%20SELECT%20NULL,NULL,NULL%23", "bread'||(SELECT%20password%20FROM%20users%20LIMIT%201)||'",
}

// outage makes the catalogue fail while an error_burst lasts: six of ten requests, those of a traffic_spike too.
func (g *Generator) outage(r *Record) {
	for _, a := range g.attacks {
		from := g.cfg.Start.Add(a.At)
		if a.Kind != ErrorBurst || r.Label != "" && r.Label != TrafficSpike || r.Time.Before(from) || r.Time.After(from.Add(a.length())) || !strings.HasPrefix(r.Path, "/api/v1/products") {
			continue
		}
		if mix(g.cfg.Seed+g.count)%10 < 6 {
			r.Status, r.BytesOut, r.Duration, r.Label = 503, 120, 5*time.Second, ErrorBurst
		}
	}
}
