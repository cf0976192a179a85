package parsers

// slot is one thing that a log can say about a request. A format maps its own columns and keys to slots; record.fill
// turns slots into the event.
type slot uint8

const (
	slotNone      slot = iota
	slotTime           // the whole time, see unit
	slotDate           // the date of a time in two columns
	slotClock          // the time of day of a time in two columns
	slotEnd            // the end of the request, when there is no duration
	slotFrac           // the fraction of the second, when logged apart; unit says of what
	slotClient         // the client's address, with or without port
	slotPeer           // the address of the connection's other end
	slotForward        // X-Forwarded-For
	slotUser           // the user; unitBasic when it comes from HTTP authentication
	slotRequest        // a whole request line
	slotMethod         //
	slotTarget         // the request target: path and query, or absolute form
	slotURL            // a URL or host and path: scheme://host:port/path?query
	slotPath           // the path alone
	slotQuery          // the query alone, with or without its question mark
	slotProtocol       // HTTP/1.1, h2, 2, 1.1
	slotScheme         // http, https, or on/off for TLS
	slotHost           // with or without port
	slotStatus         //
	slotBytesOut       //
	slotBytesIn        //
	slotDuration       //
	slotUpTime         // time in the upstream, perhaps several values
	slotReferer        //
	slotAgent          // the user agent
	slotTLS            // the TLS version
	slotRequestID      //
	slotUpstream       // address or name of the upstream
	slotService        //
	slotRoute          // a path template that the gateway knows
	slotAuth           // the Authorization header
	slotCookie         // the Cookie header
	slotAPIKey         // an API key or the name of a consumer's key
	slotAction         // what the gateway did beside answering
	slotHint           // the value of a key by which a line shows who wrote it
	slotMessage        // free text that a format takes apart itself
	slotCount
)

// unit says how a slot's value is written.
type unit uint8

const (
	unitNone     unit = iota
	unitSec           // seconds with a fraction; for times, since 1970
	unitMilli         // milliseconds
	unitMicro         // microseconds
	unitNano          // nanoseconds
	unitGo            // a number with its unit: 1.5ms, 200µs
	unitAuto          // for times: told by the looks of the value; for durations: seconds when fractional, else ms
	unitCLF           // 10/Oct/2000:13:55:36 -0700, with or without brackets
	unitBasic         // for users: from HTTP authentication
	unitPercent       // percent-encoded twice or with blanks as %20, as CloudFront and IIS (+) write header values
	unitPlus          // blanks written as plus signs (IIS)
	unitPreview       // for actions: what the gateway would have done
	unitFirewall      // for actions: a message of ModSecurity's
	unitSeverity      // for actions: the severity of a firewall's rule that matched
	unitApache        // Mon Mar 10 13:55:36.120456 2025
	unitLayout        // unitLayout+n: time in the record's layout n
)

// record holds the raw values of one line by slot. A later value replaces an earlier one of the same or a lower rank.
type record struct {
	has            uint64
	val            [slotCount]string
	unit           [slotCount]unit
	rank           [slotCount]uint8
	escaped        bool // values may carry the backslash escapes of text logs
	escapedRequest bool // the request line does
	lenient        bool // numbers that are none are absent instead of an error: names may mean something else
	fields         map[string]string

	clock clock
}

// reset forgets the values of the line before. It leaves val alone: has tells which are valid.
func (r *record) reset() {
	r.has = 0
	r.escaped = false
	r.escapedRequest = false
	r.fields = nil
}

// put stores v for s unless a value of higher rank is there or v is absent ("" or "-").
func (r *record) put(s slot, u unit, rank uint8, v string) {
	if v == "" || v == "-" {
		return
	}
	if s == slotAction {
		if v = actionName(v, u); v == "" {
			return
		}
		if r.has>>slotAction&1 != 0 && r.rank[s] == rank {
			v = stronger(r.val[s], v)
		}
	}
	bit := uint64(1) << s
	if r.has&bit != 0 && r.rank[s] > rank {
		return
	}
	r.has |= bit
	r.val[s], r.unit[s], r.rank[s] = v, u, rank
}

// get returns the value of s and whether it is there.
func (r *record) get(s slot) (string, bool) {
	if r.has&(1<<s) == 0 {
		return "", false
	}
	return r.val[s], true
}
