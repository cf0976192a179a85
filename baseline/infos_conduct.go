package baseline

import "github.com/gatewatch/gatewatch/detect"

// conductInfos describes the detectors of how actors behave and of what many of them do together.
func conductInfos() []detect.Info {
	return []detect.Info{
		{
			ID: RouteBreadth, Title: "User uses far more routes than usual", Kind: detect.KindDataAccess, Severity: detect.Medium,
			Description: "One user uses more different routes, in a day or spread over a week, than by its own habit and that of all others: the API is being explored.",
			Needs:       []string{"time", "user", "route", "status"}, Learned: true,
			OWASP: []string{"API5:2023", "API9:2023"}, MITRE: []string{"T1526", "T1087"},
		},
		{
			ID: RoboticTiming, Title: "User sends requests as evenly as a machine", Kind: detect.KindAbuse, Severity: detect.Low,
			Description: "A user who is known as a person sends requests at even intervals for a good part of an hour.",
			Needs:       []string{"time", "user"}, Learned: true,
			OWASP: []string{"API6:2023"}, MITRE: []string{"T1119"},
		},
		{
			ID: RotatingUserAgents, Title: "One actor under many user agents", Kind: detect.KindAbuse, Severity: detect.Medium,
			Description: "One user, or a client without an identity, changes its user agent from request to request, more often than by its own habit and that of all others.",
			Needs:       []string{"time", "client_ip", "user_agent"}, Learned: true,
			OWASP: []string{"API4:2023", "API6:2023"}, MITRE: []string{"T1036", "T1595"},
		},
		{
			ID: NewNetwork, Title: "User comes from a new network", Kind: detect.KindCredential, Severity: detect.Low,
			Description: "A user known from few networks is served from another one from which hardly any user comes.",
			Needs:       []string{"time", "user", "asn", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1078", "T1090"},
		},
		{
			ID: TwoPlaces, Title: "User in two places at once", Kind: detect.KindCredential, Severity: detect.High,
			Description: "A user is served in turns from two networks, one of which it was never seen in: a stolen token is used beside its owner.",
			Needs:       []string{"time", "user", "asn", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1550.001", "T1539"},
		},
		{
			ID: FailuresThenSuccess, Title: "Served after many refusals", Kind: detect.KindCredential, Severity: detect.High,
			Description: "An endpoint refuses a user or a client many times in a row, more often than by habit, and then serves it: a password or a right was found.",
			Needs:       []string{"time", "method", "route", "client_ip", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1110", "T1078"},
		},
		{
			ID: CredentialStuffing, Title: "Credential stuffing, by learned habits", Kind: detect.KindCredential, Severity: detect.High,
			Description: "One client is refused under the names of more different users in a day than any client is by habit.",
			Needs:       []string{"time", "method", "route", "client_ip", "user", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1110.004"},
		},
		{
			ID: PasswordSpraying, Title: "Password spraying, by learned habits", Kind: detect.KindCredential, Severity: detect.High,
			Description: "An endpoint refuses far more different users than by habit, each a few times, from whatever addresses.",
			Needs:       []string{"time", "method", "route", "user", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1110.003"},
		},
		{
			ID: CoordinatedLogins, Title: "Refusals of many clients together", Kind: detect.KindCredential, Severity: detect.High,
			Description: "An endpoint refuses far more different clients than by habit: credentials are tried from many addresses, a few times from each.",
			Needs:       []string{"time", "method", "route", "client_ip", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1110", "T1090.003"},
		},
		{
			ID: CoordinatedClients, Title: "Many clients act as one", Kind: detect.KindAbuse, Severity: detect.Medium,
			Description: "Many clients without an identity that share one user agent ask one endpoint as never before, each of them too little to be told by itself.",
			Needs:       []string{"time", "method", "route", "client_ip", "user_agent"}, Learned: true,
			OWASP: []string{"API4:2023", "API6:2023"}, MITRE: []string{"T1583.005", "T1090.003"},
		},
	}
}
