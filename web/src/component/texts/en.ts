import type { Text } from "./say";

// Every word that a person reads, in English. A key's prefix names the part that says it. Other
// languages translate whole sentences, so none is glued together from pieces; `{name}` is filled in
// and may move. A text that depends on a count has one form for each plural category of its
// language (Intl.PluralRules); `other` is always there. Durations such as 0:42 and digits stay as
// they are in every language.
export const en = {
  // Read aloud while nothing can be shown yet.
  loading: "Loading",
  retry: "Try again",

  // The button that sends another code.
  "resend.in": "Resend in {time}",
  "resend.again": "Resend Code ({used}/{most})",
  "resend.none": "Max Resends Reached",
  "resend.sending": "Sending…",
  // Read aloud by a screen reader; the time is "30 seconds" and the like.
  "resend.ready_in": "You can ask for another code in {time}",

  // What was said about the last send; the names are the server's message keys.
  "message.code.sent": "Verification code sent.",
  "message.resend.another": "Another verification code has been sent.",
  "message.resend.final": "Final verification code sent.",
  "message.resend.max": "No more codes can be sent.",

  // The field for the code.
  "code.title": "Enter your code",
  "code.sent_to": "It went to {number}.", // the code, by SMS
  "code.called": "We are calling {number} and will say it.", // the code, by a phone call
  "code.sending_to": "Sending a code to {number}.",
  "code.reused": "The code we sent before is still good, so we did not send another one.",
  "code.label": "{length}-digit code",
  "code.tries_left": { one: "One try left", other: "{count} tries left" },
  "code.good_for": "Good for {time}", // how much longer the code can be used
  "code.confirm": "Confirm",
  "code.checking": "Checking…",
  "code.wrong": "That code is not right. Check the newest message and try again.",
  "code.over": "That code can no longer be used",
  "code.over_text": "It was wrong too often, or it is too old. Ask for another one below.",
  "code.locked": "Codes are paused",
  "code.locked_until":
    "Too many wrong codes were typed, so your account is being kept safe. You can type a code again in {time}.",
  // Until somebody unlocks it; no time is known.
  "code.locked_text":
    "Too many wrong codes were typed, so your account is being kept safe. Codes stay paused until the service unlocks them. Ask it for help.",
  "code.wrong_number": "Wrong number?",
  "code.change": "Change it", // the phone number
  "code.offline": "The connection is gone. Your code still works, and we keep trying.",
  "code.elsewhere": "This goes on in another window",
  "code.elsewhere_text": "You opened the same confirmation there. Finish it there, or go on here.",
  "code.take_over": "Go on here",

  // The entry of a phone number.
  "entry.title": "Confirm your phone number",
  "entry.text": "We send a code to your phone to see that the number is yours.",
  "entry.country": "Country or region",
  "entry.number": "Phone number",
  "entry.send": "Send Code",
  "entry.sending": "Sending…",
  "entry.empty": "Enter your phone number.",
  "entry.too_short": "This number is too short. Check that no digit is missing.",
  "entry.too_long": "This number is too long. Check for a digit that is too many.",
  "entry.invalid":
    "This is no phone number in {country}. Check the digits, or choose another country.",
  "entry.needs_plus": "Start with + and your country's code, for example +1.",
  "entry.refused": "We cannot use this number. Check the country and every digit.",
  "entry.back": "Back",

  // The dialog that changes the phone number.
  "change.title": "Use another number",
  "change.text": "The code for {number} stops working, and a new one goes to the new number.",
  "change.keep": "Keep this number",
  "change.same": "This is the number we use already. Enter another one.",
  "change.not_yet": "The number cannot be changed yet. Ask for another code first.",

  // Other ways, once the resends have not helped.
  "ways.title": "Other ways",
  "ways.help": "Still nothing? Check that your phone is on and has signal, or choose another way.",
  "ways.change_phone": "Use another phone number",
  "ways.voice": "Get the code by a phone call",
  "ways.email": "Get a code by e-mail",
  "ways.support": "Ask for help: {contact}", // a mail address, a phone number or a web address
  "ways.wait": "in {time}", // when the way beside it can be used

  // How far the newest message of each channel has come.
  "reach.title": "Where your code is",
  "reach.sms": "SMS",
  "reach.voice": "Call",
  "reach.email": "E-mail",
  "reach.push": "Notification",
  "reach.websocket": "App",
  "reach.sending": "Sending",
  "reach.sent": "Sent",
  "reach.delivered": "Delivered",
  "reach.seen": "Seen",
  "reach.unknown": "We cannot tell if it left. You may send it again.", // the message
  "reach.lost": "It did not get through.", // the message
  "reach.unneeded": "Not needed any more",
  "reach.held": "Not sent, to keep you safe.", // the message

  // What was tried so far.
  "tried.title": "What happened so far",
  "tried.sms": "Code by SMS",
  "tried.voice": "Code by phone call",
  "tried.email": "Code by e-mail",
  "tried.push": "Notification to your phone",
  "tried.websocket": "Request to your app",
  "tried.sms_again": "Another code by SMS",
  "tried.voice_again": "Another phone call",
  "tried.email_again": "Another code by e-mail",
  "tried.push_again": "Another notification",
  "tried.websocket_again": "Another request to your app",
  "tried.check": "You typed a code",
  "tried.waiting": "Sending",
  "tried.accepted": "Sent",
  "tried.delivered": "Delivered",
  "tried.displayed": "Seen",
  "tried.responded": "Answered",
  "tried.unknown": "Not sure it left",
  "tried.lost": "Did not get through",
  "tried.unneeded": "Not needed",
  "tried.held": "Held back", // the message, by a rule that keeps people safe
  "tried.expired": "No answer in time",
  "tried.refused": "Not sent",
  "tried.correct": "Right",
  "tried.wrong": "Wrong",

  // The person's own figures of the last days.
  "summary.title": "Your activity",
  "summary.days": { one: "Today", other: "In the last {count} days" },
  "summary.none": "Nothing yet. Codes that you ask for will be counted here.",
  "summary.sent": "Codes requested",
  "summary.confirmed": "Confirmed",
  "summary.wrong": "Wrong codes",
  "summary.resent": "Resends",
  "summary.changed": "Number changed",
  "summary.success": "Success rate",
  "summary.time": "Usual time", // from the first code to the confirmation

  // How it ended.
  "end.approved": "Number confirmed",
  "end.approved_text": "{number} is yours. You can go on.",
  "end.approved_elsewhere": "{number} is yours. You went on in another window already.",
  "end.expired": "Time ran out",
  "end.expired_text":
    "The number was not confirmed in time. Start again when you have your phone at hand.",
  "end.tries": "No tries left",
  "end.tries_text": "Too many wrong codes were typed. Start again to get a new code.",
  "end.unreachable": "We could not reach this number",
  "end.unreachable_text":
    "No message got through. Check the number and that the phone is on, then start again.",
  "end.blocked": "This was held back",
  "end.blocked_text":
    "There were too many requests in a short time, so nothing was sent. Wait a while, then start again.",
  "end.locked_text":
    "Too many wrong codes were typed lately, so codes are paused for your account. Wait a while, then start again.",
  "end.country_text": "We cannot send codes to this country. Use another number.",
  "end.changed": "The number was changed",
  "end.changed_text":
    "This went on with another number, in another window. You can start again here.",
  "end.canceled": "Canceled",
  "end.canceled_text": "Nothing was confirmed. You can start again whenever you like.",
  "end.again": "Start again",

  // What went wrong, by the server's code: what happened, then what to do.
  "problem.network": "No connection",
  "problem.network_text": "Nothing was lost. Check your connection and try again.",
  "problem.timeout": "This takes too long",
  "problem.timeout_text": "The server is slow to answer. Nothing was lost. Try again in a moment.",
  "problem.no_token": "Please sign in again",
  "problem.no_token_text": "We could not see who you are. Reload the page, or sign in again.",
  "problem.forbidden": "This is not possible here",
  "problem.forbidden_text":
    "This number is used to sign in, so it is changed in your account's settings.",
  "problem.blocked": "This was held back",
  "problem.blocked_text": "Your account is safe. Wait a while, then try again.",
  // By the reason, where one is told.
  "problem.blocked_country_text":
    "No codes go to this country. Use another number, or another way.",
  "problem.blocked_fraud_rule_text":
    "Something looked unusual, so nothing was sent. Your account is safe. Wait a while, or ask the service for help.",
  "problem.blocked_spend_cap_text":
    "No codes can be sent at the moment. Choose another way, or try again later.",
  "problem.blocked_account_locked_text":
    "Your account is being kept safe, so nothing was sent. Ask the service to unlock it.",
  "problem.not_found": "This is no longer here",
  "problem.not_found_text": "Start again with your phone number.",
  "problem.conflict": "That is not possible right now",
  "problem.conflict_text":
    "Something else changed at the same time. Look again, then try once more.",
  "problem.in_progress": "It is already on its way",
  "problem.in_progress_text": "A message is being sent right now. Give it a moment.",
  "problem.max_resends_reached": "No more codes can be sent",
  "problem.max_resends_reached_text": "Type the code you have, or choose another way below.",
  "problem.already_decided": "This is already finished",
  "problem.already_decided_text": "Nothing more is needed here. You can start again.",
  "problem.expired": "This has ended",
  "problem.expired_text": "It took too long, so nothing was confirmed. Start again.",
  "problem.locked": "Codes are paused",
  "problem.locked_text":
    "Too many wrong codes were typed, so your account is being kept safe. Try again later.",
  "problem.invalid_phone": "That is no phone number we can use",
  "problem.invalid_phone_text": "Check the country and every digit.",
  "problem.same_number": "That is the same number",
  "problem.same_number_text": "Enter another number, or go on with this one.",
  "problem.no_channel": "We cannot send a code there",
  "problem.no_channel_text": "Use another number, or ask the service for help.",
  "problem.cooldown": "Not quite yet",
  "problem.cooldown_text": "A code was sent a moment ago. Look for it before you ask for another.",
  "problem.rate_limited": "Too many requests",
  "problem.rate_limited_text": "You asked often in a short time. Wait a while, then try again.",
  "problem.too_many_attempts": "Too many tries",
  "problem.too_many_attempts_text": "Ask for a new code and type it with care.",
  "problem.internal": "Something broke on our side",
  "problem.internal_text": "Nothing was lost. Try again in a moment.",
  "problem.unavailable": "Busy for a moment",
  "problem.unavailable_text": "Nothing was lost. Try again in a moment.",
  "problem.wait": "You can try again in {time}.",
  "problem.now": "You can try again now.",

  // Rests of time.
  "time.seconds": "{seconds} s", // the sign of the unit, as short as it can be
  "time.left": "{time} left", // time: "0:42", "15 s", or "30 seconds"
  "time.up": "Time is up",

  // The ways to a person, one below the other, each with how far it has come.
  "rail.label": "Ways to reach you",
  "rail.name.app": "App",
  "rail.name.push": "Push", // a notification on the phone
  "rail.name.sms": "SMS",
  "rail.name.voice": "Call",
  "rail.name.email": "E-mail",
  // For screen readers, between a way's name and its sentence: "App", "under way", "Asking your phone".
  "rail.state.quiet": "waiting",
  "rail.state.active": "under way",
  "rail.state.done": "done",
  "rail.state.failed": "not possible",
  "rail.not_needed": "Not needed this time",
  "rail.not_asked": "Not asked this time",
  "rail.no_longer": "Not needed any more",
  "rail.no_answer": "No answer in time",
  "rail.shown": "Your phone has shown it", // the request
  "rail.answered": "Your phone has answered",
  "rail.app.looking": "Looking for your phone",
  "rail.app.asking": "Asking your phone",
  "rail.app.there": "Your phone has the request",
  "rail.app.away": "Your app is not connected",
  "rail.push.soon": "No answer yet, sending a notification in {time}",
  "rail.push.if_needed": "Only if the app cannot be reached",
  "rail.push.sending": "Sending a notification",
  "rail.push.sent": "Notification sent, open it on your phone",
  "rail.push.there": "Your phone has the notification",
  "rail.push.lost": "The notification did not get through",
  "rail.push.off": "Notifications are off on your phone",
  "rail.sms.soon": "No answer yet, sending an SMS in {time}",
  "rail.sms.if_needed": "Only if you need it", // the SMS
  "rail.sms.no_number": "No number is on file",
  "rail.sms.sending": "Sending an SMS",
  "rail.sms.sending_to": "Sending an SMS to {number}",
  "rail.sms.sent": "Your code is on its way",
  "rail.sms.there": "Your code has arrived",
  "rail.sms.lost": "The SMS did not get through",
  "rail.voice.soon": "No answer yet, calling you in {time}",
  "rail.voice.sending": "Calling you",
  "rail.voice.sent": "We are calling you with a code",
  "rail.voice.there": "The call has reached you",
  "rail.voice.lost": "The call did not get through",
  "rail.email.sending": "Sending an e-mail",
  "rail.email.sent": "Your code is on its way",
  "rail.email.there": "Your code has arrived",
  "rail.email.lost": "The e-mail did not get through",
  "rail.unknown": "We cannot tell if it left, you may send it again", // the message
  "rail.held": "Not sent, to keep you safe", // the message
  "rail.unrung": "Not rung: open the app to answer", // the phone, on purpose
  "rail.code_over": "That code can no longer be used",
  "rail.code_typed": "You typed the code",

  // The sign-in page of the demo bank. Its start.
  "login.page": "Sign in · Nod Demo Bank", // the name of the browser's tab; the bank's name stays
  "login.title": "Sign in",
  "login.text": "No password. Your phone asks you, you answer.",
  "login.loading": "Loading your demo account",
  "login.go": "Continue",
  "login.go_as": "Continue as {name}",
  "login.sms": "Text me a code instead",
  "login.foot": "A demonstration. The bank and its people are made up.",
  // Trusting this browser.
  "login.remember": "Remember this browser for 30 days",
  "login.remembered": "This browser is remembered",
  "login.forget": "Forget it", // the browser
  // The phone is being asked; the person types a number of two or three digits there.
  "login.starting": "Starting",
  "login.asked.title": "Check your phone",
  "login.asked.type": "Open the request, type this number, and approve.",
  "login.asked.answer": "Open the request there and answer it.",
  "login.asked.coded.type":
    "We cannot reach your phone right now, so a code comes by SMS. Or open the app there and type this number.",
  "login.asked.coded.answer":
    "We cannot reach your phone right now, so a code comes by SMS. Or open the app there and answer.",
  "login.asked.away.type":
    "We cannot reach your phone right now. Open the app there and type this number.",
  "login.asked.away.answer": "We cannot reach your phone right now. Open the app there and answer.",
  // The person refused or ignored several requests in a row, so that none rings for a while.
  "login.asked.unrung.type":
    "Your phone was not rung, because earlier requests were refused or not answered. Open the app there, type this number, and approve.",
  "login.asked.unrung.answer":
    "Your phone was not rung, because earlier requests were refused or not answered. Open the app there and answer.",
  "login.asked.or_code": "Or ask for a code.",
  // Code entry is paused, and the phone has a request.
  "login.locked.type":
    "Your phone can still answer: open the request there, type this number, and approve.",
  "login.locked.answer": "Your phone can still answer: open the request there.",
  "login.asked.number": "Number to type on your phone: {number}", // for screen readers
  // A code was sent.
  "login.code.or": "Or type {number} on your phone.",
  "login.code.sms": "We sent it by SMS.", // the code
  "login.code.sms_to": "We sent it by SMS to {number}.",
  "login.code.voice": "We called you with your code.",
  "login.code.voice_to": "We called you at {number} with your code.",
  "login.code.email": "We sent it by e-mail.",
  "login.code.tried.sms": "We tried to send it by SMS, and cannot tell if it worked.",
  "login.code.tried.sms_to":
    "We tried to send it by SMS to {number}, and cannot tell if it worked.",
  "login.code.tried.voice": "We tried to call you, and cannot tell if it worked.",
  "login.code.tried.voice_to": "We tried to call you at {number}, and cannot tell if it worked.",
  "login.code.tried.email": "We tried to send it by e-mail, and cannot tell if it worked.",
  // Buttons to be asked again or in another way.
  "login.way.push.first": "Ask my phone",
  "login.way.push.first_in": "Ask again in {time}",
  "login.way.push.again": "Ask again",
  "login.way.push.again_in": "Ask again in {time}",
  "login.way.sms.first": "Text me a code",
  "login.way.sms.first_in": "Text me in {time}",
  "login.way.sms.again": "Text again",
  "login.way.sms.again_in": "Text again in {time}",
  "login.way.voice.first": "Call me",
  "login.way.voice.first_in": "Call me in {time}",
  "login.way.voice.again": "Call again",
  "login.way.voice.again_in": "Call again in {time}",
  "login.no_phone": "I don't have my phone",
  "login.no_phone.title": "That is all right, nothing is lost",
  "login.no_phone.text":
    "A code by SMS works with any phone that has your number. If the number is gone too, cancel here and ask your bank: nobody can sign in as you without your answer.",
  "login.cancel": "Cancel",
  // Nothing is under way.
  "login.unanswered.title": "Shall we ask again?",
  "login.unanswered.text":
    "There was no answer in time and nobody was signed in. Choose how we should reach you.",
  // It ended without a sign-in.
  "login.end.refused.title": "You said no",
  "login.end.refused.text":
    "The request was refused on your phone. Nobody was signed in. If it was a slip, start again.",
  "login.end.wrong_number.title": "That number did not match",
  "login.end.wrong_number.text":
    "Another number was typed on the phone, so we closed this request. Nobody was signed in. Start again and type the new number.",
  "login.end.reported.title": "Thank you for telling us",
  "login.end.reported.text":
    "You said this wasn't you. Nobody was signed in. New sign-ins are held back for 15 minutes, and your bank can see it.",
  "login.end.timed_out.title": "Time ran out",
  "login.end.timed_out.text":
    "Nobody answered in time. Nobody was signed in. Start again when you have your phone at hand.",
  "login.end.max_attempts.title": "No tries left",
  "login.end.max_attempts.text":
    "Too many wrong codes were typed. Nobody was signed in. Start again to get a new code.",
  "login.end.unreachable.title": "We could not reach you",
  "login.end.unreachable.text":
    "No message got through to your phone or number. Nobody was signed in. Check that your phone is on, then start again.",
  "login.end.account_locked.title": "This sign-in was held back",
  "login.end.account_locked.text":
    "Too many wrong codes were typed lately, so codes are paused for this account. Your account is safe. Wait a while, then start again.",
  "login.end.too_many.title": "This sign-in was held back",
  "login.end.too_many.text":
    "There were too many requests in a short time, so nothing was sent. Your account is safe. Wait a while, then start again.",
  "login.end.superseded.title": "A newer sign-in took over",
  "login.end.superseded.text":
    "You started again in another window, so this one was closed. Carry on there, or start again here.",
  "login.end.canceled.title": "Sign-in canceled",
  "login.end.canceled.text": "Nobody was signed in. You can start again whenever you like.",
  "login.again": "Start again",
  "login.again_here": "Start again here",
  "login.back": "Back to the start",
  "login.not_now": "Not now",
  "login.lost.title": "That sign-in is over",
  "login.lost.text": "It ended while this page was away. Nobody was signed in by it. Start again.",
  "login.reported.title": "Sign-ins are held back",
  "login.reported.text":
    "A sign-in was reported, or something looked unusual, so no new one starts for a while. Your account is safe. Try again at {time}.", // time: "14:32"
  "login.anew.text": "This is a demonstration: you can also go on as somebody else.",
  "login.anew.go": "Go on as somebody else",
  "login.broken.title": "Something went wrong on this page",
  "login.broken.text": "Nothing was signed in. Reload the page and try again.",
  // Approved, and the end.
  "login.approved.title": "Approved",
  "login.approved.text": "Signing you in.",
  "login.approved.spoken": "Approved. You are being signed in.",
  "login.approved.kept": "Your answer is safe with us.",
  "login.approved.finish": "Finish signing in",
  "login.welcome": "Welcome, {name}",
  "login.in.app": "You are signed in. Approved on your phone at {time}.",
  "login.in.sms_code": "You are signed in. Confirmed by the code from your SMS at {time}.",
  "login.in.voice_code": "You are signed in. Confirmed by the code from your call at {time}.",
  "login.in.email_code": "You are signed in. Confirmed by the code from your e-mail at {time}.",
  "login.in.trusted_device": "You are signed in. Recognised from before at {time}.", // the browser
  "login.in.other": "You are signed in. Confirmed at {time}.",
  "login.out": "Sign out",
  "login.out.text": "Sign out to see it again, or switch something off on the phone first.",
  "login.number_known": "The bank has checked the proof and knows {number} now.",
  // Where a message went that a provider, and not the demo's phone, has. The command stays.
  "login.went.push":
    "The notification went to {provider}. With make run-providers, you can read it on the providers' page.",
  "login.went.sms":
    "The SMS went to {provider}. With make run-providers, you can read it on the providers' page.",
  "login.went.voice":
    "The call went to {provider}. With make run-providers, you can read it on the providers' page.",
  "login.went.email":
    "The e-mail went out by {provider}. With make run-providers, you can read it on the providers' page.",
} as const satisfies Record<string, Text>;
