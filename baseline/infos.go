package baseline

import "github.com/gatewatch/gatewatch/detect"

// The names of the learned detectors.
const (
	EndpointTraffic    = "endpoint-traffic"
	EndpointErrorBurst = "endpoint-error-burst"
	UserRequestSpike   = "user-request-spike"
	ObjectEnumeration  = "object-enumeration"

	ObjectEnumerationSlow = "object-enumeration-slow"
	EndpointLatency       = "endpoint-latency"
	ResponseSize          = "response-size"
	NewEndpoint           = "new-endpoint"
	NewMethod             = "new-method"
	MissingAuthentication = "missing-authentication"
	PrivilegedFirstUse    = "privileged-first-use"
	DataVolume            = "data-volume"
	OffHours              = "off-hours"
	DormantAccount        = "dormant-account"
	NewCountry            = "new-country"
	ImpossibleTravel      = "impossible-travel"
	LastingChange         = "lasting-change"

	RouteBreadth        = "route-breadth"
	RoboticTiming       = "robotic-timing"
	RotatingUserAgents  = "rotating-user-agents"
	NewNetwork          = "new-network"
	TwoPlaces           = "two-places-at-once"
	FailuresThenSuccess = "failures-then-success"
	CredentialStuffing  = "credential-stuffing-learned" // the rule of that name is apart
	PasswordSpraying    = "password-spraying-learned"   // the same
	CoordinatedLogins   = "coordinated-logins"
	CoordinatedClients  = "coordinated-clients"
)

// Infos describes the learned detectors.
func Infos() []detect.Info {
	return append([]detect.Info{
		{
			ID: EndpointTraffic, Title: "Unusual traffic of an endpoint", Kind: detect.KindAvailability, Severity: detect.Medium,
			Description: "Many clients ask an endpoint or a service far more often, or it is asked far less often, than at this hour of the week in the weeks before.",
			Needs:       []string{"time", "method", "route", "client_ip"}, Learned: true,
			OWASP: []string{"API4:2023"}, MITRE: []string{"T1499"},
		},
		{
			ID: EndpointErrorBurst, Title: "Burst of errors", Kind: detect.KindAvailability, Severity: detect.High,
			Description: "An endpoint fails far more often than it does by habit: with server errors, or with client errors for many clients.",
			Needs:       []string{"time", "method", "route", "status"}, Learned: true,
		},
		{
			ID: UserRequestSpike, Title: "User sends far more requests than usual", Kind: detect.KindAbuse, Severity: detect.Medium,
			Description: "One user, or a client without an identity, sends many more requests in an hour than by its own habit and that of all others.",
			Needs:       []string{"time", "client_ip"}, Learned: true,
			OWASP: []string{"API4:2023"}, MITRE: []string{"T1499.002"},
		},
		{
			ID: ObjectEnumeration, Title: "Objects read one after the other", Kind: detect.KindDataAccess, Severity: detect.High,
			Description: "One user reads many more different objects through one endpoint in an hour than it and others do: broken object level authorisation being tried, or data being collected.",
			Needs:       []string{"time", "method", "route", "object_ids", "status"}, Learned: true,
			OWASP: []string{"API1:2023"}, MITRE: []string{"T1119", "T1213"},
		},
		{
			ID: ObjectEnumerationSlow, Title: "Objects read one after the other, slowly", Kind: detect.KindDataAccess, Severity: detect.High,
			Description: "One user reads many more different objects through one endpoint in a day than it and others do, slowly enough to stay below every hourly bound.",
			Needs:       []string{"time", "method", "route", "object_ids", "status"}, Learned: true,
			OWASP: []string{"API1:2023"}, MITRE: []string{"T1119", "T1213"},
		},
		{
			ID: EndpointLatency, Title: "Answers have become slow", Kind: detect.KindAvailability, Severity: detect.Medium,
			Description: "Half of an endpoint's successful answers take longer than the slow hours' medians ever were.",
			Needs:       []string{"time", "method", "route", "status", "duration_ms"}, Learned: true,
			OWASP: []string{"API4:2023"}, MITRE: []string{"T1499"},
		},
		{
			ID: ResponseSize, Title: "Answers have another size", Kind: detect.KindDataAccess, Severity: detect.Medium,
			Description: "Half of an endpoint's successful answers are larger, or smaller, than the medians of its hours ever were: more data than before is given out, or none.",
			Needs:       []string{"time", "method", "route", "status", "bytes_out"}, Learned: true,
			OWASP: []string{"API3:2023"},
		},
		{
			ID: NewEndpoint, Title: "Endpoint that was never seen", Kind: detect.KindExposure, Severity: detect.Medium,
			Description: "A route answers successfully that never did before, of a service of which new endpoints are rare.",
			Needs:       []string{"time", "method", "route", "status"}, Learned: true,
			OWASP: []string{"API9:2023"}, MITRE: []string{"T1505.003"},
		},
		{
			ID: NewMethod, Title: "Method that a route never answered", Kind: detect.KindExposure, Severity: detect.Medium,
			Description: "A known route answers a method successfully that it never answered before, of a service of which new endpoints are rare.",
			Needs:       []string{"time", "method", "route", "status"}, Learned: true,
			OWASP: []string{"API9:2023"},
		},
		{
			ID: MissingAuthentication, Title: "Endpoint answers without credentials", Kind: detect.KindExposure, Severity: detect.High,
			Description: "An endpoint that was always used with credentials answers requests without any successfully.",
			Needs:       []string{"time", "method", "route", "status", "user"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1190"},
		},
		{
			ID: PrivilegedFirstUse, Title: "First use of a privileged endpoint", Kind: detect.KindDataAccess, Severity: detect.High,
			Description: "A user succeeds on an endpoint that very few users use, always the same ones, and never did before: broken function level authorisation, or a right that was just given.",
			Needs:       []string{"time", "method", "route", "status", "user"}, Learned: true,
			OWASP: []string{"API5:2023"}, MITRE: []string{"T1078", "T1548"},
		},
		{
			ID: DataVolume, Title: "User is sent far more data than usual", Kind: detect.KindDataAccess, Severity: detect.High,
			Description: "One user is sent much more data in an hour than by its own habit and that of all others.",
			Needs:       []string{"time", "user", "bytes_out"}, Learned: true,
			OWASP: []string{"API6:2023"}, MITRE: []string{"T1530", "T1567"},
		},
		{
			ID: OffHours, Title: "User active at an unusual hour", Kind: detect.KindCredential, Severity: detect.Low,
			Description: "A user with regular hours is active at an hour of the day far from all of them.",
			Needs:       []string{"time", "user"}, Learned: true,
			MITRE: []string{"T1078"},
		},
		{
			ID: DormantAccount, Title: "Dormant account is used again", Kind: detect.KindCredential, Severity: detect.Medium,
			Description: "A user who was not seen for two weeks or more is active again.",
			Needs:       []string{"time", "user"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1078"},
		},
		{
			ID: NewCountry, Title: "User comes from a new country", Kind: detect.KindCredential, Severity: detect.Medium,
			Description: "A user known from few countries is served from another one.",
			Needs:       []string{"time", "user", "country", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1078"},
		},
		{
			ID: LastingChange, Title: "Lasting change", Kind: detect.KindChange, Severity: detect.Low,
			Description: "The requests, the latency or the response size of an endpoint or a service changed by half or more and stay so: a release, a new customer. It is told once and then taken for normal.",
			Needs:       []string{"time", "method", "route"}, Learned: true,
		},
		{
			ID: ImpossibleTravel, Title: "User travels faster than anybody can", Kind: detect.KindCredential, Severity: detect.High,
			Description: "A user is served from two countries so shortly after one another that nobody travels so fast.",
			Needs:       []string{"time", "user", "country", "lat", "status"}, Learned: true,
			OWASP: []string{"API2:2023"}, MITRE: []string{"T1078", "T1550"},
		},
	}, conductInfos()...)
}
