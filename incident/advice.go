package incident

import "github.com/gatewatch/gatewatch/detect"

// Advice is what somebody who is woken by the incident does next, the most urgent first: sentences by the incident's kind, by
// whether it succeeded, and by what it is about. It is derived, and says nothing that the incident does not.
func (inc *Incident) Advice() []string {
	by, ok := advice[inc.Kind]
	if !ok {
		return nil
	}
	steps := by.always
	switch inc.Outcome {
	case detect.LikelySucceeded:
		steps = by.succeeded
	case detect.Refused, detect.Failed:
		steps = by.repelled
	case detect.Unclear:
	}
	out := append([]string{}, steps...)
	if inc.Status.Terminal() {
		return out
	}
	if how, ok := holds[inc.Entity.Type]; ok && by.succeeded != nil {
		out = append(out, how)
	}
	return append(out, by.expected)
}

// holds is how the actor of an attack is held off.
var holds = map[detect.EntityType]string{
	detect.EntityClient:  "To hold this client off, ban its address for a few hours; look first at whether many users share it (a company, a mobile network), and put your own addresses on the allowlist.",
	detect.EntityUser:    "To hold this user off, freeze the identity, and end its sessions and keys where they are issued: a freeze refuses only what asks Gatewatch.",
	detect.EntitySession: "To hold this session off, end it where sessions are kept; Gatewatch has no decision on sessions.",
}

// plan is the advice of one kind.
type plan struct {
	succeeded []string // the attack likely succeeded; nil of what is no attack
	repelled  []string // it was refused or failed
	always    []string // unclear, or no attack
	expected  string   // when nothing is wrong
}

const notAnAttack = "If this is expected (a test of yours, a partner, a job), call it a false positive, and add a suppression with a reason and an end."

var advice = map[detect.Kind]plan{
	detect.KindCredential: {
		succeeded: []string{
			"Treat the account as taken over: end its sessions and tokens, and ask for a new password before it is used again.",
			"See what it did since the login that was taken: the requests of that user and of this client after that moment.",
			"Look for other accounts that the same client tried, and for other clients that tried this account.",
		},
		repelled: []string{
			"Nobody got in, as far as the answers tell: nothing has to be done at once.",
			"Check that the login slows attempts down for each account as well as for each address: attackers change addresses.",
		},
		always: []string{
			"Find out whether one of the logins was taken: look at the evidence for an answer that differs from the others, and ask the identity provider's own log.",
			"If one was, treat that account as taken over: end its sessions and ask for a new password.",
		},
		expected: "If this is an application with a stale password, or a load test, tell its owner and call the incident a false positive.",
	},
	detect.KindWebAttack: {
		succeeded: []string{
			"Send the request that the outcome names yourself. If it gives out what nobody should have, close that path at the gateway now.",
			"Take every password, key and token that the answer could hold for known, and change them.",
			"Look at what the same client did next, and whether others have asked for the same path.",
			"Patch or remove the component that answered; keep the evidence and the gateway's log.",
		},
		repelled: []string{
			"Nothing was found or let through, as far as the answers tell: this is the noise of the Internet unless it aims at a component that you run.",
			"Check that the component that it aims at is patched, if you have it.",
		},
		always: []string{
			"Look at the answers in the evidence: send the most suspicious request yourself and see whether it gives more than an ordinary one.",
			"Look in the application's log at the same moment for an error of a database, a template or a shell.",
		},
		expected: notAnAttack,
	},
	detect.KindDataAccess: {
		succeeded: []string{
			"The data were sent. Find out whose objects they were, and whether this actor may read them: the evidence and the event search have the object ids.",
			"If it may not, the endpoint does not check who owns an object: close it or add the check, before anything else.",
			"Write down which objects were read and when: a report of a data breach needs it.",
		},
		repelled: []string{
			"The requests were refused or found nothing, as far as the answers tell: the check of access seems to work.",
			"Look at whether a few of them were answered all the same.",
		},
		always: []string{
			"Find out whether the actor may read what it asked for, and how much of it was sent: look at the statuses and sizes in the evidence.",
		},
		expected: "If it is a partner's export, a migration or a crawler that you let in, call it a false positive, and add a suppression with a reason and an end.",
	},
	detect.KindAbuse: {
		succeeded: []string{"The requests were served. Limit the rate of this actor at the gateway, and see what it gained: accounts, coupons, stock, messages."},
		repelled:  []string{"The requests were refused: the limits hold. See whether they also stop the actor's next address."},
		always: []string{
			"See what the requests cost and bring: accounts made, messages sent, expensive searches. If it hurts, limit the rate of this actor at the gateway.",
		},
		expected: "If it is a client that was released lately, or a job of yours, tell its owner and call the incident a false positive.",
	},
	detect.KindAvailability: {
		always: []string{
			"See whether it still goes on: the chart has the hours, and the service's own dashboards the minutes.",
			"Look at what changed just before: a release, a dependency, a database, a campaign. Roll back what fits.",
			"Look at who sends the requests: a few clients are an attack or a broken retry loop, many are real demand.",
		},
		expected: "If it was planned (a release, a sale, a load test), resolve it with a note.",
	},
	detect.KindExposure: {
		always: []string{
			"Call the endpoint yourself without credentials, from outside: see whether it answers, and with what.",
			"If it should not answer like that, close it at the gateway, then find the release or the configuration that opened it.",
			"See who has called it since it was open: the access report and the event search have the callers.",
		},
		expected: "If it is meant to be like that, say so: accept the change, give the endpoint an owner, or add it to the OpenAPI document.",
	},
	detect.KindOperational: {
		always: []string{
			"Gatewatch sees less than it should until this is mended: what happens meanwhile raises no incidents.",
			"Look at the page Sources (GET /v1/sources) for the source's counters and the last error, and at the log of the agent or of the shipper.",
		},
		expected: "It resolves when the source is well again.",
	},
	detect.KindChange: {
		always: []string{
			"Ask the service's owner whether this was meant: a release, a new customer, a new region.",
			"If it was, accept the change: what follows is then held against the new habit.",
		},
		expected: "If it was not meant, treat it as what it looks like, and look at who sends these requests.",
	},
}
