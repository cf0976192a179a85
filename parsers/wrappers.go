package parsers

func syslogWrap() Format {
	return wrapFormat(Format{
		Name: "syslog", Title: "syslog (RFC 3164, RFC 5424) around any format",
		Definition: "RFC 5424; RFC 3164; nginx.org/en/docs/syslog.html",
		Samples: []string{
			`<134>Mar 10 13:55:36 lb-1 haproxy[3946303]: 203.0.113.9:55032 [10/Mar/2025:13:55:36.120] https~ api/node1 0/0/0/16/16 404 154 - - ---- 5/5/1/1/0 0/0 "PROPFIND /files/a%20b HTTP/1.1"`,
			`<190>1 2025-03-10T13:55:37.120Z web-1 nginx 31 - [origin ip="10.0.0.2"] 198.51.100.4 - - [10/Mar/2025:13:55:37 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
			`Mar 10 13:55:38 web-1 nginx: 198.51.100.4 - - [10/Mar/2025:13:55:38 +0000] "GET /a HTTP/1.1" 404 12 "-" "curl/8.5.0"`,
			`2025-03-10T13:55:39.120456+00:00 web-1 sshd[812]: Accepted publickey for root from 203.0.113.50 port 50000 ssh2`,
		},
	})
}

func dockerWrap() Format {
	return wrapFormat(Format{
		Name: "docker", Title: "Docker json-file around any format",
		Definition: "docs.docker.com/engine/logging/drivers/json-file",
		Samples: []string{
			`{"log":"203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] \"GET /a?x=1 HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n","stream":"stdout","time":"2025-03-10T13:55:36.123456789Z"}`,
			`{"log":"203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] \"GET /long","stream":"stdout","time":"2025-03-10T13:55:37.1Z"}`,
			`{"log":"er HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n","stream":"stdout","time":"2025-03-10T13:55:37.1Z"}`,
		},
	})
}

func criWrap() Format {
	return wrapFormat(Format{
		Name: "cri", Title: "Kubernetes (CRI: containerd, CRI-O) around any format",
		Definition: "github.com/kubernetes/design-proposals-archive, node/kubelet-cri-logging.md",
		Samples: []string{
			`2025-03-10T13:55:36.123456789Z stdout F 203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /a?x=1 HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
			`2025-03-10T13:55:37.123456789+01:00 stderr F 2025/03/10 13:55:37 [error] 31#31: *7 open() "/x" failed (2: No such file or directory), client: 203.0.113.9, server: shop.example.com, request: "GET /x HTTP/1.1", host: "shop.example.com"`,
		},
	})
}

func journaldWrap() Format {
	return wrapFormat(Format{
		Name: "journald", Title: "journald (journalctl -o json) around any format",
		Definition: "systemd.io/JOURNAL_EXPORT_FORMATS; man journalctl (output json)",
		Samples: []string{
			`{"__REALTIME_TIMESTAMP":"1741614936120456","_HOSTNAME":"web-1","SYSLOG_IDENTIFIER":"nginx","PRIORITY":"6","MESSAGE":"203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\""}`,
		},
	})
}

func messageWrap() Format {
	return wrapFormat(Format{
		Name: "message", Title: "JSON with the line in message or log (Vector, Logstash, Fluent Bit)",
		Definition: "vector.dev/docs/architecture/data-model/log; docs.fluentbit.io",
		Samples: []string{
			`{"@timestamp":"2025-03-10T13:55:36.2Z","message":"203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"","host":{"name":"web-1"},"log":{"file":{"path":"/var/log/nginx/access.log"}}}`,
			`{"date":1741614937.5,"log":"203.0.113.9 - - [10/Mar/2025:13:55:37 +0000] \"GET /b HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"","kubernetes":{"pod_name":"web-1"}}`,
		},
	})
}

func composeWrap() Format {
	return wrapFormat(Format{
		Name: "compose", Title: "docker compose logs around any format",
		Definition: "docs.docker.com/reference/cli/docker/compose/logs",
		Samples: []string{
			`web-1  | 203.0.113.9 - - [10/Mar/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
			`db-1   | 2025-03-10 13:55:36.120 UTC [1] LOG:  database system is ready to accept connections`,
			`api-1  | {"time":"2025-03-10T13:55:37Z","ip":"203.0.113.9","method":"GET","path":"/b","status":200}`,
		},
	})
}
