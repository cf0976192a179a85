package parsers

// familyCLF are the descendants of the Common Log Format and the error logs that lie beside them.
const familyCLF = "clf"

// combined is what nginx writes unless told otherwise, and Apache's most used format: the two are the same.
func combined() Format {
	return patternFormat(Format{
		Name: "combined", Title: "nginx and Apache combined", Family: familyCLF,
		Definition: nginxDocs + " (combined); " + apacheDocs + "#examples",
		Samples: []string{
			`203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /api/orders/1042?expand=items HTTP/1.1" 200 2326 "https://shop.example.com/cart" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`,
			`2001:db8::7 - anna [10/Mar/2025:15:55:37 +0200] "POST /api/login HTTP/2.0" 401 31 "-" "curl/8.5.0"`,
			`198.51.100.23 - - [10/Mar/2025:13:55:38 +0000] "\x16\x03\x01\x02\x00\x01\x00\x01\xFC" 400 157 "-" "-"`,
			`198.51.100.23 - - [10/Mar/2025:13:55:39 +0000] "GET http://proxy-test.example.net/ip?a=1 HTTP/1.1" 404 153 "-" "Go-http-client/1.1"`,
			`198.51.100.23 - - [10/Mar/2025:13:55:40 +0000] "CONNECT mail.example.net:25 HTTP/1.1" 400 157 "-" "-"`,
			`203.0.113.9 - "" [10/Mar/2025:13:55:41 +0000] "GET /search?q=\"x\"&r=\x22y\x22 HTTP/1.1" 200 - "-" "agent \"quoted\" \\ 1"`,
			`203.0.113.9 - - [10/Mar/2025:13:55:42 +0000] "-" 408 0 "-" "-"`,
		},
	}, compileNginx, nginxCombinedFormat)
}

// common is the Common Log Format of NCSA httpd, Apache's default and Tomcat's.
func common() Format {
	return patternFormat(Format{
		Name: "common", Title: "Common Log Format", Family: familyCLF,
		Definition: apacheDocs + "#examples; en.wikipedia.org/wiki/Common_Log_Format",
		Samples: []string{
			`203.0.113.9 - frank [10/Mar/2025:13:55:36 -0700] "GET /reports/7.pdf HTTP/1.0" 200 2326`,
			`198.51.100.4 - - [10/Mar/2025:13:55:40 -0700] "DELETE /api/items/88 HTTP/1.1" 204 -`,
		},
	}, compileApache, `%h %l %u %t "%r" %>s %b`)
}

func apacheVhostCombined() Format {
	return patternFormat(Format{
		Name: "apache_vhost_combined", Title: "Apache vhost_combined", Family: familyCLF,
		Definition: apacheDocs + "#examples (Debian's apache2.conf names it vhost_combined)",
		Samples: []string{
			`shop.example.com:443 203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /cart?item=7 HTTP/1.1" 200 5120 "https://shop.example.com/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4)"`,
			`Admin.Example.COM:80 198.51.100.23 - root [10/Mar/2025:13:55:37 +0000] "GET /server-status HTTP/1.1" 403 199 "-" "curl/8.5.0"`,
		},
	}, compileApache, `%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`)
}

// nginxMain is the format "main" of nginx's own packages.
func nginxMain() Format {
	return patternFormat(Format{
		Name: "nginx_main", Title: "nginx main (combined and X-Forwarded-For)", Family: familyCLF,
		Definition: "nginx.org packages, /etc/nginx/nginx.conf: log_format main; " + nginxDocs,
		Samples: []string{
			`10.0.3.7 - - [10/Mar/2025:13:55:36 +0000] "GET /v1/items HTTP/1.1" 200 812 "-" "okhttp/4.12.0" "203.0.113.9, 10.0.1.2"`,
			`10.0.3.7 - - [10/Mar/2025:13:55:37 +0000] "PUT /v1/items/5 HTTP/1.1" 200 64 "-" "okhttp/4.12.0" "-"`,
		},
	}, compileNginx, nginxMainFormat)
}
