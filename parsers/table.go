package parsers

import (
	"sort"
	"sync"
)

// Formats returns the table of all formats, the more specific ones before the more general: of two formats that read
// a log equally well, recognition takes the first. The caller must not change it.
func Formats() []Format { return table() }

// table is built once: compiling the patterns is part of it.
var table = sync.OnceValue(func() []Format {
	return []Format{
		// JSON, the specific ones first
		caddy(),
		awsWAF(),
		azureWAF(),
		cloudflareFirewall(),
		modsecurityAudit(),
		akamai(),
		nextcloud(),
		apiGatewayJSON(),
		traefikJSON(),
		kong(),
		apisixJSON(),
		envoyJSON(),
		tyk(),
		gravitee(),
		fastly(),
		cloudflare(),
		gcpLB(),
		azureAppGateway(),
		azureFrontDoor(),
		azureAPIM(),
		otel(),
		ecs(),
		jsonGeneric(),
		dockerWrap(),
		journaldWrap(),
		messageWrap(),
		// text
		apiGatewayXML(),
		awsALB(),
		awsELB(),
		awsS3(),
		w3c(),
		cloudfrontRealtime(),
		criWrap(),
		composeWrap(),
		caddyConsole(),
		syslogWrap(),
		haproxy(),
		cef(),
		squid(),
		krakend(),
		loginFailures(),
		graviteeText(),
		logfmt(),
		istio(),
		envoy(),
		ingressNginx(),
		kongText(),
		traefikCLF(),
		apisixText(),
		proxyManager(),
		npmplus(),
		nginxTimed(),
		apacheVhostCombined(),
		lighttpd(),
		nginxHost(),
		litespeed(),
		nginxMain(),
		varnish(),
		combined(),
		tomcat(),
		apiGatewayText(),
		reactorNetty(),
		common(),
		nginxError(),
		apacheError(),
		litespeedError(),
		lighttpdError(),
		cpanel(),
		clfLike(),
		requestLines(),
	}
})

// aliases are other names for formats.
var aliases = map[string]string{
	"nginx":               "combined",
	"nginx_combined":      "combined",
	"apache":              "combined",
	"apache2":             "combined",
	"apache_combined":     "combined",
	"apache_common":       "common",
	"alb":                 "aws_alb",
	"elb":                 "aws_elb",
	"s3":                  "aws_s3",
	"cloudfront":          "w3c",
	"iis":                 "w3c",
	"ingress-nginx":       "ingress_nginx",
	"nginx-proxy-manager": "nginx_proxy_manager",
	"npm":                 "nginx_proxy_manager",
	"traefik_json":        "traefik",
	"kubernetes":          "cri",
	"containerd":          "cri",
	"opentelemetry":       "otel",
	"nginx_json":          "json",
	"haproxy_http":        "haproxy",
	"haproxy_https":       "haproxy",
	"openlitespeed":       "litespeed",
	"varnishncsa":         "varnish",
	"bunkerweb":           "host_combined",
	"coraza":              "caddy",
	"caddy_coraza":        "caddy",
	"owncloud":            "nextcloud",
	"clf":                 "common",
	"apache_json":         "json",
	"mod_log_json":        "json",
	"tyk_access":          "logfmt",
	"vhost_combined":      "apache_vhost_combined",
	"main":                "nginx_main",
}

// Lookup returns the format of a name or an alias.
func Lookup(name string) (Format, bool) {
	if n, ok := aliases[name]; ok {
		name = n
	}
	for _, f := range table() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

func names() []string {
	var all []string
	for _, f := range table() {
		all = append(all, f.Name)
	}
	return all
}

// patternFormat makes a row of the table from a pattern of ours; the pattern is tested, so an error is a bug in the
// table, reported by whoever makes the parser.
func patternFormat(f Format, compile func(name, format string) (pattern, error), format string) Format {
	p, err := compile(f.Name, format)
	f.Fields = p.fields()
	f.New = func(o Options) (Parser, error) {
		if err != nil {
			return nil, err
		}
		return p.parser(o), nil
	}
	return f
}

// aliasesOf returns the other names of a format, sorted.
func aliasesOf(name string) []string {
	var all []string
	for alias, n := range aliases {
		if n == name {
			all = append(all, alias)
		}
	}
	sort.Strings(all)
	return all
}
