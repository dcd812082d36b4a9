package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Methods, short enough for a table.
const (
	get    = "GET"
	post   = "POST"
	put    = "PUT"
	patch  = "PATCH"
	remove = "DELETE"
)

// table is every address of the server: how it is asked, who may ask, the status
// of success and what it does.
var table = []section{
	{"Phone numbers", []route{
		limited(op(post, "/api/onboarding/send-verification", byUser, 202, "Send a code to a number of one's own", (*Server).sendVerification)),
		limited(op(post, "/api/onboarding/resend-verification", byUser|byPage, 202, "Send once more", (*Server).resendVerification)),
		limited(op(post, "/api/onboarding/verify-code", byUser|byPage, 200, "Check a typed code", (*Server).verifyCode)),
		op(get, "/api/onboarding/verification-status", byUser|byPage, 200, "How it stands; waits for news", (*Server).verificationStatus),
		limited(op(post, "/api/onboarding/change-phone", byUser, 202, "Leave a number for another one", (*Server).changePhone)),
		op(get, "/api/onboarding/verification-analytics", byUser, 200, "One's own figures", (*Server).figures),
	}},
	{"Verifications", []route{
		limited(op(post, "/api/v1/verifications", byKey, 201, "Ask a person: is it you?", (*Server).create)),
		op(get, "/api/v1/verifications/{id}", byKey|byPage, 200, "How it stands", (*Server).get),
		limited(op(post, "/api/v1/verifications/{id}/check", byKey|byPage, 200, "Check a typed code", (*Server).check)),
		limited(op(post, "/api/v1/verifications/{id}/resend", byKey|byPage, 202, "Send once more", (*Server).resend)),
		limited(op(post, "/api/v1/verifications/{id}/next", byKey|byPage, 202, "Start the next channel now", (*Server).next)),
		op(post, "/api/v1/verifications/{id}/cancel", byKey|byPage|byConsole, 200, "End it", (*Server).cancel),
		raw(get, "/api/v1/verifications/{id}/events", byPage, "Follow it: Server-Sent Events, resumed by Last-Event-ID", (*Server).streamEvents),
		op(get, "/api/v1/verifications/{id}/timeline", byKey|byConsole, 200, "Everything that happened to it", (*Server).timeline),
		op(post, "/api/v1/verifications/{id}/exchange", byKey, 200, "Swap a result token for the signed result", (*Server).exchange),
	}},
	{"Users and devices", []route{
		op(post, "/api/v1/user-tokens", byKey, 201, "Make a token that acts as a user", (*Server).userToken),
		op(post, "/api/v1/users/{user_id}/enrollments", byKey, 201, "Let a device join a user", (*Server).enroll),
		op(post, "/api/v1/devices", public, 201, "Join with an enrollment token", (*Server).join),
		op(get, "/api/v1/push-key", public, 200, "The key that a page subscribes to Web Push with", (*Server).pushKey),
		op(get, "/api/v1/users/{user_id}/settings", byKey|byUser, 200, "What a user chose", (*Server).settings),
		op(put, "/api/v1/users/{user_id}/settings", byKey|byUser, 200, "Replace what a user chose", (*Server).setSettings),
		op(get, "/api/v1/users/{user_id}/devices", byKey|byUser|byDevice, 200, "List a user's devices", (*Server).devices),
		op(patch, "/api/v1/devices/{id}", byKey|byUser|byDevice, 200, "Rename a device, change or switch off its push", (*Server).change),
		op(remove, "/api/v1/devices/{id}", byKey|byUser|byDevice, 204, "Revoke a device", (*Server).revoke),
		op(get, "/api/v1/users/{user_id}/trusted-devices", byKey|byUser, 200, "Where a user is not asked again", (*Server).trustedDevices),
		op(remove, "/api/v1/users/{user_id}/trusted-devices", byKey|byUser, 204, "Ask again everywhere", (*Server).distrustAll),
		op(remove, "/api/v1/users/{user_id}/trusted-devices/{id}", byKey|byUser, 204, "Ask again in one place", (*Server).distrust),
		op(get, "/api/v1/users/{user_id}/export", byKey, 200, "Everything that is kept about a person, for them: numbers and addresses in full", (*Server).export),
		op(remove, "/api/v1/users/{user_id}", byKey, 204, "Erase a person: everything that is kept about them, now and for good", (*Server).erase),
		op(post, "/api/v1/users/{user_id}/block", byKey, 204, "Refuse all verifications of a user until they are unlocked, cancel the open ones and void what was approved and not exchanged", (*Server).blockUser),
		op(post, "/api/v1/users/{user_id}/unlock", byKey, 204, "Lift a block, and what a report (\"this isn't me\") holds back", (*Server).unlockUser),
	}},
	{"Prompts, for an app without a socket", []route{
		op(get, "/api/v1/prompts", byDevice, 200, "The open requests", (*Server).prompts),
		op(post, "/api/v1/prompts/{verification_id}/ack", byDevice, 204, "Say that a request arrived", (*Server).ack),
		op(post, "/api/v1/prompts/{verification_id}/displayed", byDevice, 204, "Say that it is shown", (*Server).displayed),
		op(post, "/api/v1/prompts/{verification_id}/respond", byDevice, 200, "Approve, deny or report", (*Server).respondTo),
	}},
	{"Analytics", []route{
		op(get, "/api/v1/analytics/overview", byKey|byConsole, 200, "How everybody's verifications did, in sum", (*Server).overview),
		op(get, "/api/v1/analytics/delays", byKey|byConsole, 200, "How resends did by the delay before them, and how long messages take", (*Server).delays),
		op(get, "/api/v1/analytics/hours", byKey|byConsole, 200, "How verifications did by the hour of the day", (*Server).hours),
		op(get, "/api/v1/analytics/channels", byKey|byConsole, 200, "How messages did by channel, country and provider", (*Server).channels),
		op(get, "/api/v1/analytics/recommendations", byKey|byConsole, 200, "What would help, and the figures that say so", (*Server).recommendations),
	}},
	{"Operator", []route{
		op(post, "/api/v1/console-sessions", byKey, 201, "Open a console session", (*Server).openConsole),
		op(post, "/api/v1/search", byKey|byConsole, 200, "Find verifications by id or phone number", (*Server).search),
		op(post, "/api/v1/verifications/{id}/block", byKey|byConsole, 204, "Block the user of a verification", (*Server).blockOf),
		op(post, "/api/v1/verifications/{id}/unlock", byKey|byConsole, 204, "Unlock the user of a verification", (*Server).unlockOf),
		op(get, "/api/v1/blocks", byKey|byConsole, 200, "What operators refuse: numbers, prefixes, countries and users", (*Server).blocks),
		op(post, "/api/v1/blocks", byKey|byConsole, 201, "Send no code to a number, a prefix or a country, or refuse a user; 200 if it was so already", (*Server).block),
		op(post, "/api/v1/blocks/lift", byKey|byConsole, 204, "Take a block back, of a prefix also one that unproved codes brought; of a user who is blocked or locked all that unlocking lifts; 404 where there is none", (*Server).lift),
		op(get, "/api/v1/operator-acts", byKey|byConsole, 200, "What operators did lately", (*Server).operatorActs),
		op(get, "/api/v1/outbox", byKey|byConsole, 200, "What the simulator sent", (*Server).outbox),
	}},
	{"Webhooks", []route{
		op(get, "/api/v1/webhooks", byKey|byConsole, 200, "How webhooks do, and the last ones", (*Server).webhooks),
		op(post, "/api/v1/webhooks/test", byKey|byConsole, 202, "Send an event webhook.test", (*Server).testWebhook),
		op(post, "/api/v1/webhooks/{id}/replay", byKey|byConsole, 202, "Send one once more", (*Server).replayWebhook),
		op(post, "/api/v1/webhooks/replay", byKey|byConsole, 202, "Send once more what was not delivered since a time", (*Server).replayWebhooks),
		op(post, "/api/v1/webhooks/enable", byKey|byConsole, 200, "Enable an endpoint that answered 410 Gone", (*Server).enableWebhooks),
	}},
	{"Providers", []route{
		raw(post, "/webhooks/{provider}/status", public, "A provider tells what became of a message; it signs the request", (*Server).receive),
	}},
	{"Service", []route{
		raw(get, "/ws", public, "WebSocket, subprotocol nod.v1; the first frame holds the credential", (*Server).socket),
		raw(get, "/healthz", public, "The process lives", (*Server).healthz),
		raw(get, "/readyz", public, "It can do its work", (*Server).readyz),
		raw(get, "/metrics", public, "Figures, in Prometheus' text format", (*Server).metrics),
		raw(get, "/openapi.json", public, "This description", (*Server).openapi),
		raw(get, "/.well-known/jwks.json", public, "The keys that nod signs with", (*Server).jwks),
	}},
	{"Pages", []route{
		raw(get, "/docs", public, "", (*Server).docs),
		raw(get, "/docs.css", public, "", (*Server).docsStyle),
		raw(get, "/", public, "", ourName((*Server).stagePage)),
		raw(get, "/login", public, "", ourName((*Server).demoPage)),
		raw(get, "/phone", public, "", ourName((*Server).demoPage)),
		raw(get, "/phone-worker.js", public, "", (*Server).demoFile),
		raw(get, "/phone.webmanifest", public, "", (*Server).demoFile),
		raw(get, "/console", public, "", ourName((*Server).consolePage)),
		raw(get, "/assets/*", public, "", (*Server).file),
		raw(get, "/demo/*", public, "", ourName((*Server).demo)),
		raw(post, "/demo/*", public, "", ourName((*Server).demo)),
	}},
}

// The types whose schemas others refer to.
var (
	problemType = reflect.TypeFor[Problem]()
	statusType  = reflect.TypeFor[Status]()
	pushType    = reflect.TypeFor[Push]()
)

// route adds the whole table.
func (s *Server) route(api huma.API) {
	for _, part := range table {
		for _, r := range part.routes {
			r.add(s, api, part.title, r)
		}
	}
	// Every refusal is a Problem: what huma would say in its place is never sent.
	delete(api.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(api.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
}
