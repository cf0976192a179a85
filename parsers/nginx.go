package parsers

import (
	"fmt"
	"strings"
)

// nginxVars says what nginx's variables mean (nginx.org/en/docs/varindex.html). Of two variables for one thing the
// one of higher rank wins. Variables that are not here are read over.
var nginxVars = map[string]column{
	"remote_addr":               {slotClient, 0, 2},
	"http_x_real_ip":            {slotClient, 0, 0},
	"http_cf_connecting_ip":     {slotClient, 0, 0},
	"http_true_client_ip":       {slotClient, 0, 0},
	"the_real_ip":               {slotClient, 0, 3},
	"realip_remote_addr":        {slotPeer, 0, 1},
	"http_x_forwarded_for":      {slotForward, 0, 2},
	"proxy_add_x_forwarded_for": {slotForward, 0, 1},
	"proxy_protocol_addr":       {slotClient, 0, 1},
	"remote_user":               {slotUser, unitBasic, 1},
	"jwt_claim_sub":             {slotUser, 0, 2},
	"time_local":                {slotTime, unitCLF, 1},
	"time_iso8601":              {slotTime, 0, 2},
	"msec":                      {slotTime, unitSec, 3},
	"request":                   {slotRequest, 0, 1},
	"request_method":            {slotMethod, 0, 1},
	"request_uri":               {slotTarget, 0, 2},
	"uri":                       {slotPath, 0, 1},
	"document_uri":              {slotPath, 0, 1},
	"args":                      {slotQuery, 0, 1},
	"query_string":              {slotQuery, 0, 1},
	"server_protocol":           {slotProtocol, 0, 1},
	"scheme":                    {slotScheme, 0, 2},
	"https":                     {slotScheme, 0, 1},
	"http_x_forwarded_proto":    {slotScheme, 0, 0},
	"host":                      {slotHost, 0, 3},
	"http_host":                 {slotHost, 0, 2},
	"server_name":               {slotHost, 0, 1},
	"http_x_forwarded_host":     {slotHost, 0, 0},
	"status":                    {slotStatus, 0, 1},
	"body_bytes_sent":           {slotBytesOut, 0, 2},
	"bytes_sent":                {slotBytesOut, 0, 1},
	"request_length":            {slotBytesIn, 0, 1},
	"content_length":            {slotBytesIn, 0, 2},
	"http_content_length":       {slotBytesIn, 0, 2},
	"request_time":              {slotDuration, unitSec, 1},
	"upstream_response_time":    {slotUpTime, unitSec, 1},
	"http_referer":              {slotReferer, 0, 1},
	"http_user_agent":           {slotAgent, 0, 1},
	"ssl_protocol":              {slotTLS, 0, 1},
	"request_id":                {slotRequestID, 0, 2},
	"req_id":                    {slotRequestID, 0, 2},
	"http_x_request_id":         {slotRequestID, 0, 1},
	"http_x_correlation_id":     {slotRequestID, 0, 0},
	"upstream_addr":             {slotUpstream, 0, 1},
	"proxy_host":                {slotUpstream, 0, 0},
	"proxy_upstream_name":       {slotService, 0, 1},
	"service_name":              {slotService, 0, 2},
	"limit_req_status":          {slotAction, 0, 1},
	"limit_conn_status":         {slotAction, 0, 1},
	"gateway_action":            {slotAction, 0, 2},
	"http_authorization":        {slotAuth, 0, 1},
	"http_cookie":               {slotCookie, 0, 1},
	"http_x_api_key":            {slotAPIKey, 0, 1},
	"http_apikey":               {slotAPIKey, 0, 1},
	"arg_api_key":               {slotAPIKey, 0, 0},
	"arg_apikey":                {slotAPIKey, 0, 0},
}

// compileNginx compiles the string of nginx's log_format directive: text with $variables or ${variables}.
// Definition: nginx.org/en/docs/http/ngx_http_log_module.html#log_format.
func compileNginx(name, format string) (pattern, error) {
	return compileVars(name, format, nginxVars)
}

// compileText compiles a format of our own table: nginx's syntax, with the names of fieldColumns and a few more beside
// nginx's.
func compileText(name, format string) (pattern, error) {
	return compileVars(name, format, textVars)
}

// textVars are the variables of compileText.
var textVars = func() map[string]column {
	all := map[string]column{
		"user_basic": {slotUser, unitBasic, 1},
		"time_clf":   {slotTime, unitCLF, 1},
	}
	for _, m := range []map[string]column{nginxVars, fieldColumns} {
		for k, c := range m {
			all[k] = c
		}
	}
	return all
}()

func compileVars(name, format string, vars map[string]column) (pattern, error) {
	b := builder{p: pattern{name: name, escapes: true}}
	s := strings.ReplaceAll(format, "$uri$is_args$args", "${"+pathAndQuery+"}")
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.lit(s)
			break
		}
		b.lit(s[:i])
		name, rest, err := nginxVar(s[i+1:])
		if err != nil {
			return pattern{}, fmt.Errorf("character %d: %w", len(format)-len(s)+i+1, err)
		}
		if err := b.field(name, nginxColumn(name, vars)); err != nil {
			return pattern{}, fmt.Errorf("character %d: %w", len(format)-len(s)+i+1, err)
		}
		s = rest
	}
	return b.done()
}

// pathAndQuery stands for $uri$is_args$args, which nothing separates.
const pathAndQuery = "uri$is_args$args"

func nginxColumn(name string, vars map[string]column) column {
	if name == pathAndQuery {
		return column{slotTarget, 0, 1}
	}
	return vars[name]
}

// nginxVar cuts a variable's name off the start of s.
func nginxVar(s string) (name, rest string, err error) {
	if strings.HasPrefix(s, "{") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return "", "", fmt.Errorf("${ without }")
		}
		return s[1:end], s[end+1:], nil
	}
	i := 0
	for i < len(s) && (s[i] == '_' || isDigit(s[i]) || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z') {
		i++
	}
	if i == 0 {
		return "", "", fmt.Errorf("$ without a variable's name")
	}
	return s[:i], s[i:], nil
}

const (
	nginxCombinedFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	nginxMainFormat     = nginxCombinedFormat + ` "$http_x_forwarded_for"`
	nginxDocs           = "nginx.org/en/docs/http/ngx_http_log_module.html"
)
