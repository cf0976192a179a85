package enrich

import (
	"strings"
	"sync"

	"github.com/mileusna/useragent"

	"github.com/gatewatch/gatewatch/ingest/recent"
)

// agent is what a User-Agent header says about who asks.
type agent struct {
	family string
	bot    bool
}

// program is a client that names itself: the text to find, in lower case, and what it is.
type program struct {
	text   string
	family string
	bot    bool
}

// programs are looked for in this order. Scanners, crawlers and monitors are bots; HTTP libraries and command-line
// clients are not: behind an API they are what legitimate clients are made of.
var programs = []program{
	{"sqlmap", "sqlmap", true},
	{"nikto", "Nikto", true},
	{"nmap", "Nmap", true},
	{"masscan", "masscan", true},
	{"zgrab", "zgrab", true},
	{"nuclei", "Nuclei", true},
	{"wpscan", "WPScan", true},
	{"gobuster", "gobuster", true},
	{"dirbuster", "DirBuster", true},
	{"feroxbuster", "feroxbuster", true},
	{"ffuf", "ffuf", true},
	{"wfuzz", "Wfuzz", true},
	{"fuzz faster", "ffuf", true},
	{"hydra", "Hydra", true},
	{"acunetix", "Acunetix", true},
	{"nessus", "Nessus", true},
	{"openvas", "OpenVAS", true},
	{"qualys", "Qualys", true},
	{"netsparker", "Netsparker", true},
	{"burp", "Burp", true},
	{"w3af", "w3af", true},
	{"arachni", "Arachni", true},
	{"whatweb", "WhatWeb", true},
	{"dirsearch", "dirsearch", true},
	{"zmeu", "ZmEu", true},
	{"morfeus", "Morfeus", true},
	{"jorgee", "Jorgee", true},
	{"havij", "Havij", true},
	{"commix", "commix", true},
	{"httpx -", "httpx", true},
	{"censys", "Censys", true},
	{"shodan", "Shodan", true},
	{"expanse", "Expanse", true},
	{"zap/", "ZAP", true},
	{"owasp zap", "ZAP", true},
	{"jaeles", "Jaeles", true},

	{"googlebot", "Googlebot", true},
	{"google-inspectiontool", "Googlebot", true},
	{"adsbot-google", "Google Ads Bot", true},
	{"mediapartners-google", "Google Ads Bot", true},
	{"apis-google", "Googlebot", true},
	{"feedfetcher-google", "FeedFetcher", true},
	{"bingbot", "Bingbot", true},
	{"bingpreview", "Bingbot", true},
	{"msnbot", "msnbot", true},
	{"adidxbot", "Bingbot", true},
	{"yandex", "YandexBot", true},
	{"baiduspider", "Baiduspider", true},
	{"duckduckbot", "DuckDuckBot", true},
	{"slurp", "Yahoo Slurp", true},
	{"sogou", "Sogou", true},
	{"exabot", "Exabot", true},
	{"applebot", "Applebot", true},
	{"petalbot", "PetalBot", true},
	{"bytespider", "Bytespider", true},
	{"gptbot", "GPTBot", true},
	{"claudebot", "ClaudeBot", true},
	{"chatgpt-user", "ChatGPT-User", true},
	{"ccbot", "CCBot", true},
	{"perplexitybot", "PerplexityBot", true},
	{"amazonbot", "Amazonbot", true},
	{"facebookexternalhit", "facebookexternalhit", true},
	{"meta-externalagent", "Meta", true},
	{"twitterbot", "Twitterbot", true},
	{"linkedinbot", "LinkedInBot", true},
	{"slackbot", "Slackbot", true},
	{"telegrambot", "TelegramBot", true},
	{"discordbot", "Discordbot", true},
	{"whatsapp", "WhatsApp", true},
	{"pinterest", "Pinterestbot", true},
	{"ahrefsbot", "AhrefsBot", true},
	{"semrushbot", "SemrushBot", true},
	{"mj12bot", "MJ12bot", true},
	{"dotbot", "DotBot", true},
	{"rogerbot", "rogerbot", true},
	{"blexbot", "BLEXBot", true},
	{"seznambot", "SeznamBot", true},
	{"ia_archiver", "Internet Archive", true},
	{"archive.org_bot", "Internet Archive", true},
	{"uptimerobot", "UptimeRobot", true},
	{"pingdom", "Pingdom", true},
	{"statuscake", "StatusCake", true},
	{"jetmon", "Jetpack", true},
	{"site24x7", "Site24x7", true},
	{"datadog", "Datadog", true},
	{"newrelic", "New Relic", true},
	{"elb-healthchecker", "ELB-HealthChecker", true},
	{"kube-probe", "kube-probe", true},
	{"googlehc", "GoogleHC", true},
	{"blackbox exporter", "Blackbox Exporter", true},
	{"prometheus/", "Prometheus", true},
	{"nagios", "Nagios", true},
	{"check_http", "Nagios", true},
	{"zabbix", "Zabbix", true},
	{"headlesschrome", "Headless Chrome", true},
	{"phantomjs", "PhantomJS", true},
	{"puppeteer", "Puppeteer", true},
	{"scrapy", "Scrapy", true},
	{"heritrix", "Heritrix", true},
	{"httrack", "HTTrack", true},
	{"nutch", "Nutch", true},

	{"python-requests", "python-requests", false},
	{"python-urllib", "Python-urllib", false},
	{"aiohttp", "aiohttp", false},
	{"python-httpx", "python-httpx", false},
	{"go-http-client", "Go-http-client", false},
	{"go-resty", "go-resty", false},
	{"okhttp", "okhttp", false},
	{"apache-httpclient", "Apache-HttpClient", false},
	{"jakarta commons", "Apache-HttpClient", false},
	{"axios/", "axios", false},
	{"node-fetch", "node-fetch", false},
	{"undici", "undici", false},
	{"got (", "got", false},
	{"postmanruntime", "Postman", false},
	{"insomnia", "Insomnia", false},
	{"httpie", "HTTPie", false},
	{"libwww-perl", "libwww-perl", false},
	{"lwp::", "libwww-perl", false},
	{"lwp-", "libwww-perl", false},
	{"guzzlehttp", "Guzzle", false},
	{"faraday", "Faraday", false},
	{"rest-client", "rest-client", false},
	{"dart/", "Dart", false},
	{"dalvik", "Dalvik", false},
	{"cfnetwork", "CFNetwork", false},
	{"reqwest", "reqwest", false},
	{"winhttp", "WinHTTP", false},
	{"microsoft office", "Microsoft Office", false},
	{"wordpress/", "WordPress", false},
	{"powershell", "PowerShell", false},
	{"grafana/", "Grafana", false},
}

// starters name themselves at the beginning of the header; elsewhere their names are too short to mean anything.
var starters = []program{
	{"curl/", "curl", false},
	{"wget/", "Wget", false},
	{"java/", "Java", false},
	{"ruby", "Ruby", false},
	{"php", "PHP", false},
	{"perl", "Perl", false},
	{"git/", "git", false},
	{"docker/", "Docker", false},
	{"grpc", "gRPC", false},
}

// browsers are the families that the parser's names may lead to: what a client makes up becomes no family.
var browsers = map[string]bool{
	useragent.Opera: true, useragent.OperaMini: true, useragent.OperaTouch: true, useragent.Chrome: true, useragent.Firefox: true,
	useragent.InternetExplorer: true, useragent.Safari: true, useragent.Edge: true, useragent.Vivaldi: true,
	useragent.SamsungBrowser: true, useragent.NetFront: true, useragent.FacebookApp: true, useragent.InstagramApp: true,
	useragent.TiktokApp: true,
}

// parseAgent tells family and kind of a User-Agent header: a function of the header alone.
func parseAgent(header string) agent {
	if len(header) > maxAgent {
		header = header[:maxAgent]
	}
	low := strings.ToLower(header)
	for _, p := range starters {
		if strings.HasPrefix(low, p.text) {
			return agent{p.family, p.bot}
		}
	}
	for _, p := range programs {
		if strings.Contains(low, p.text) {
			return agent{p.family, p.bot}
		}
	}
	ua := useragent.Parse(header)
	a := agent{family: ua.Name, bot: ua.Bot || botWords(low)}
	if ua.Name == useragent.MobileSafari {
		a.family = useragent.Safari
	}
	if !browsers[a.family] {
		a.family = ""
		if strings.Contains(low, "trident/") || strings.Contains(low, "msie ") {
			a.family = useragent.InternetExplorer
		}
	}
	if a.bot {
		a.family = "" // a bot without a name in the table: what it says besides is what it poses as
	}
	return a
}

// botWords finds the words by which clients say that nobody sits before them.
func botWords(low string) bool {
	for _, w := range [...]string{"bot/", "bot;", "bot)", "bot ", "-bot", "_bot", "crawler", "spider", "scanner", "scraper", "monitoring", "+http"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return strings.HasSuffix(low, "bot")
}

const (
	maxAgent     = 1024
	cachedAgents = 8192
)

// agents remembers the answers for headers that repeat.
type agents struct {
	mu   sync.Mutex
	seen *recent.Map[string, agent]
}

func newAgents() *agents { return &agents{seen: recent.New[string, agent](cachedAgents)} }

func (a *agents) of(header string) agent {
	if header == "" || header == "-" {
		return agent{}
	}
	if len(header) > maxAgent {
		header = header[:maxAgent]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	got, ok := a.seen.Get(header)
	if !ok {
		got = parseAgent(header)
		a.seen.Put(strings.Clone(header), got)
	}
	return got
}
