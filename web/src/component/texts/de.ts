import type { Texts } from "./say";

export const de: Texts = {
  loading: "Wird geladen",
  retry: "Noch einmal versuchen",

  "resend.in": "Erneut senden in {time}",
  "resend.again": "Code erneut senden ({used}/{most})",
  "resend.none": "Kein weiterer Code möglich",
  "resend.sending": "Wird gesendet …",
  "resend.ready_in": "In {time} können Sie einen weiteren Code anfordern",

  "message.code.sent": "Der Code wurde gesendet.",
  "message.resend.another": "Ein weiterer Code wurde gesendet.",
  "message.resend.final": "Der letzte Code wurde gesendet.",
  "message.resend.max": "Es können keine weiteren Codes gesendet werden.",

  "code.title": "Code eingeben",
  "code.sent_to": "Er ging an {number}.",
  "code.called": "Wir rufen {number} an und sagen ihn durch.",
  "code.sending_to": "Ein Code wird an {number} gesendet.",
  "code.reused":
    "Der zuvor gesendete Code ist noch gültig, deshalb haben wir keinen weiteren gesendet.",
  "code.label": "{length}-stelliger Code",
  "code.tries_left": { one: "Noch ein Versuch", other: "Noch {count} Versuche" },
  "code.good_for": "Noch {time} gültig",
  "code.confirm": "Bestätigen",
  "code.checking": "Wird geprüft …",
  "code.wrong":
    "Dieser Code stimmt nicht. Sehen Sie in der neuesten Nachricht nach und versuchen Sie es noch einmal.",
  "code.over": "Dieser Code gilt nicht mehr",
  "code.over_text":
    "Er wurde zu oft falsch eingegeben oder ist zu alt. Fordern Sie unten einen neuen an.",
  "code.locked": "Codes sind gesperrt",
  "code.locked_until":
    "Es wurden zu viele falsche Codes eingegeben. Zum Schutz Ihres Kontos können Sie erst in {time} wieder einen Code eingeben.",
  "code.locked_text":
    "Es wurden zu viele falsche Codes eingegeben. Zum Schutz Ihres Kontos bleiben Codes gesperrt, bis der Dienst sie wieder freigibt. Bitten Sie ihn um Hilfe.",
  "code.wrong_number": "Falsche Nummer?",
  "code.change": "Nummer ändern",
  "code.offline":
    "Die Verbindung ist unterbrochen. Ihr Code gilt weiterhin, und wir versuchen es weiter.",
  "code.elsewhere": "Dies läuft in einem anderen Fenster weiter",
  "code.elsewhere_text":
    "Sie haben dieselbe Bestätigung dort geöffnet. Schließen Sie sie dort ab oder machen Sie hier weiter.",
  "code.take_over": "Hier weitermachen",

  "entry.title": "Telefonnummer bestätigen",
  "entry.text":
    "Wir senden einen Code an Ihr Telefon, um sicher zu sein, dass die Nummer Ihnen gehört.",
  "entry.country": "Land oder Region",
  "entry.number": "Telefonnummer",
  "entry.send": "Code senden",
  "entry.sending": "Wird gesendet …",
  "entry.empty": "Geben Sie Ihre Telefonnummer ein.",
  "entry.too_short": "Diese Nummer ist zu kurz. Prüfen Sie, ob eine Ziffer fehlt.",
  "entry.too_long": "Diese Nummer ist zu lang. Prüfen Sie, ob eine Ziffer zu viel ist.",
  "entry.invalid":
    "Das ist keine Telefonnummer dieses Landes ({country}). Prüfen Sie die Ziffern oder wählen Sie ein anderes Land.",
  "entry.needs_plus": "Beginnen Sie mit + und der Landesvorwahl, zum Beispiel +49.",
  "entry.refused":
    "Diese Nummer können wir nicht verwenden. Prüfen Sie das Land und jede einzelne Ziffer.",
  "entry.back": "Zurück",

  "change.title": "Andere Nummer verwenden",
  "change.text": "Der Code für {number} wird ungültig, und ein neuer geht an die neue Nummer.",
  "change.keep": "Diese Nummer behalten",
  "change.same": "Diese Nummer verwenden wir bereits. Geben Sie eine andere ein.",
  "change.not_yet":
    "Die Nummer lässt sich noch nicht ändern. Fordern Sie zuerst einen weiteren Code an.",

  "ways.title": "Andere Wege",
  "ways.help":
    "Noch nichts angekommen? Prüfen Sie, ob Ihr Telefon eingeschaltet ist und Empfang hat, oder wählen Sie einen anderen Weg.",
  "ways.change_phone": "Andere Telefonnummer verwenden",
  "ways.voice": "Code per Anruf erhalten",
  "ways.email": "Code per E‑Mail erhalten",
  "ways.support": "Hilfe erhalten: {contact}",
  "ways.wait": "in {time}",

  "reach.title": "Wo Ihr Code ist",
  "reach.sms": "SMS",
  "reach.voice": "Anruf",
  "reach.email": "E‑Mail",
  "reach.push": "Mitteilung",
  "reach.websocket": "App",
  "reach.sending": "Wird gesendet",
  "reach.sent": "Gesendet",
  "reach.delivered": "Zugestellt",
  "reach.seen": "Gesehen",
  "reach.unknown":
    "Wir wissen nicht, ob die Nachricht gesendet wurde. Sie können sie erneut senden.",
  "reach.lost": "Die Nachricht ist nicht angekommen.",
  "reach.unneeded": "Nicht mehr nötig",
  "reach.held": "Zu Ihrem Schutz nicht gesendet.",

  "tried.title": "Was bisher geschah",
  "tried.sms": "Code per SMS",
  "tried.voice": "Code per Anruf",
  "tried.email": "Code per E‑Mail",
  "tried.push": "Mitteilung an Ihr Telefon",
  "tried.websocket": "Anfrage an Ihre App",
  "tried.sms_again": "Weiterer Code per SMS",
  "tried.voice_again": "Weiterer Anruf",
  "tried.email_again": "Weiterer Code per E‑Mail",
  "tried.push_again": "Weitere Mitteilung",
  "tried.websocket_again": "Weitere Anfrage an Ihre App",
  "tried.check": "Code eingegeben",
  "tried.waiting": "Wird gesendet",
  "tried.accepted": "Gesendet",
  "tried.delivered": "Zugestellt",
  "tried.displayed": "Gesehen",
  "tried.responded": "Beantwortet",
  "tried.unknown": "Versand ungewiss",
  "tried.lost": "Nicht angekommen",
  "tried.unneeded": "Nicht nötig",
  "tried.held": "Zurückgehalten",
  "tried.expired": "Nicht rechtzeitig beantwortet",
  "tried.refused": "Nicht gesendet",
  "tried.correct": "Richtig",
  "tried.wrong": "Falsch",

  "summary.title": "Ihre Aktivität",
  "summary.days": { one: "Heute", other: "In den letzten {count} Tagen" },
  "summary.none": "Noch nichts. Codes, die Sie anfordern, werden hier gezählt.",
  "summary.sent": "Angeforderte Codes",
  "summary.confirmed": "Bestätigt",
  "summary.wrong": "Falsche Codes",
  "summary.resent": "Erneut gesendet",
  "summary.changed": "Nummer geändert",
  "summary.success": "Erfolgsquote",
  "summary.time": "Übliche Dauer",

  "end.approved": "Nummer bestätigt",
  "end.approved_text": "{number} gehört Ihnen. Sie können weitermachen.",
  "end.approved_elsewhere":
    "{number} gehört Ihnen. Sie haben in einem anderen Fenster schon weitergemacht.",
  "end.expired": "Die Zeit ist abgelaufen",
  "end.expired_text":
    "Die Nummer wurde nicht rechtzeitig bestätigt. Beginnen Sie neu, wenn Sie Ihr Telefon zur Hand haben.",
  "end.tries": "Keine Versuche mehr",
  "end.tries_text":
    "Es wurden zu viele falsche Codes eingegeben. Beginnen Sie neu, um einen neuen Code zu erhalten.",
  "end.unreachable": "Diese Nummer war nicht erreichbar",
  "end.unreachable_text":
    "Keine Nachricht ist angekommen. Prüfen Sie die Nummer und ob das Telefon eingeschaltet ist, und beginnen Sie dann neu.",
  "end.blocked": "Dies wurde vorsorglich angehalten",
  "end.blocked_text":
    "Es gab zu viele Anfragen in kurzer Zeit, deshalb wurde nichts gesendet. Warten Sie eine Weile und beginnen Sie dann neu.",
  "end.locked_text":
    "Zuletzt wurden zu viele falsche Codes eingegeben, deshalb sind Codes für Ihr Konto vorübergehend gesperrt. Warten Sie eine Weile und beginnen Sie dann neu.",
  "end.country_text":
    "In dieses Land können wir keine Codes senden. Verwenden Sie eine andere Nummer.",
  "end.changed": "Die Nummer wurde geändert",
  "end.changed_text":
    "Es ging mit einer anderen Nummer in einem anderen Fenster weiter. Sie können hier neu beginnen.",
  "end.canceled": "Abgebrochen",
  "end.canceled_text": "Es wurde nichts bestätigt. Sie können jederzeit neu beginnen.",
  "end.again": "Neu beginnen",

  "problem.network": "Keine Verbindung",
  "problem.network_text":
    "Es ging nichts verloren. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
  "problem.timeout": "Das dauert zu lange",
  "problem.timeout_text":
    "Der Server antwortet langsam. Es ging nichts verloren. Versuchen Sie es gleich noch einmal.",
  "problem.no_token": "Bitte melden Sie sich noch einmal an",
  "problem.no_token_text":
    "Wir konnten nicht erkennen, wer Sie sind. Laden Sie die Seite neu oder melden Sie sich noch einmal an.",
  "problem.forbidden": "Das ist hier nicht möglich",
  "problem.forbidden_text":
    "Diese Nummer dient zur Anmeldung und wird deshalb in den Einstellungen Ihres Kontos geändert.",
  "problem.blocked": "Dies wurde vorsorglich angehalten",
  "problem.blocked_text":
    "Ihr Konto ist sicher. Warten Sie eine Weile und versuchen Sie es dann noch einmal.",
  "problem.blocked_country_text":
    "In dieses Land gehen keine Codes. Verwenden Sie eine andere Nummer oder einen anderen Weg.",
  "problem.blocked_fraud_rule_text":
    "Etwas war ungewöhnlich, deshalb wurde nichts gesendet. Ihr Konto ist sicher. Warten Sie eine Weile oder bitten Sie den Dienst um Hilfe.",
  "problem.blocked_spend_cap_text":
    "Im Moment können keine Codes gesendet werden. Wählen Sie einen anderen Weg oder versuchen Sie es später noch einmal.",
  "problem.blocked_account_locked_text":
    "Zum Schutz Ihres Kontos wurde nichts gesendet. Bitten Sie den Dienst, es freizugeben.",
  "problem.not_found": "Dies ist nicht mehr vorhanden",
  "problem.not_found_text": "Beginnen Sie neu mit Ihrer Telefonnummer.",
  "problem.conflict": "Das ist gerade nicht möglich",
  "problem.conflict_text":
    "Gleichzeitig hat sich etwas anderes geändert. Sehen Sie nach und versuchen Sie es noch einmal.",
  "problem.in_progress": "Schon unterwegs",
  "problem.in_progress_text": "Gerade wird eine Nachricht gesendet. Bitte warten Sie einen Moment.",
  "problem.max_resends_reached": "Keine weiteren Codes möglich",
  "problem.max_resends_reached_text":
    "Geben Sie den Code ein, den Sie haben, oder wählen Sie unten einen anderen Weg.",
  "problem.already_decided": "Dies ist bereits abgeschlossen",
  "problem.already_decided_text": "Hier ist nichts mehr zu tun. Sie können neu beginnen.",
  "problem.expired": "Dies ist beendet",
  "problem.expired_text":
    "Es hat zu lange gedauert, deshalb wurde nichts bestätigt. Beginnen Sie neu.",
  "problem.locked": "Codes sind gesperrt",
  "problem.locked_text":
    "Es wurden zu viele falsche Codes eingegeben. Zum Schutz Ihres Kontos ist eine Pause nötig. Versuchen Sie es später noch einmal.",
  "problem.invalid_phone": "Diese Telefonnummer können wir nicht verwenden",
  "problem.invalid_phone_text": "Prüfen Sie das Land und jede einzelne Ziffer.",
  "problem.same_number": "Das ist dieselbe Nummer",
  "problem.same_number_text": "Geben Sie eine andere Nummer ein oder machen Sie mit dieser weiter.",
  "problem.no_channel": "Dorthin können wir keinen Code senden",
  "problem.no_channel_text":
    "Verwenden Sie eine andere Nummer oder bitten Sie den Dienst um Hilfe.",
  "problem.cooldown": "Einen Moment noch",
  "problem.cooldown_text":
    "Eben wurde ein Code gesendet. Sehen Sie nach, bevor Sie einen weiteren anfordern.",
  "problem.rate_limited": "Zu viele Anfragen",
  "problem.rate_limited_text":
    "Sie haben in kurzer Zeit oft angefragt. Warten Sie eine Weile und versuchen Sie es dann noch einmal.",
  "problem.too_many_attempts": "Zu viele Versuche",
  "problem.too_many_attempts_text":
    "Fordern Sie einen neuen Code an und geben Sie ihn sorgfältig ein.",
  "problem.internal": "Bei uns ist etwas schiefgegangen",
  "problem.internal_text": "Es ging nichts verloren. Versuchen Sie es gleich noch einmal.",
  "problem.unavailable": "Gerade ausgelastet",
  "problem.unavailable_text": "Es ging nichts verloren. Versuchen Sie es gleich noch einmal.",
  "problem.wait": "Sie können es in {time} noch einmal versuchen.",
  "problem.now": "Sie können es jetzt noch einmal versuchen.",

  "time.seconds": "{seconds}\u00a0s",
  "time.left": "Noch {time}",
  "time.up": "Zeit abgelaufen",

  "rail.label": "Wege, Sie zu erreichen",
  "rail.name.app": "App",
  "rail.name.push": "Mitteilung",
  "rail.name.sms": "SMS",
  "rail.name.voice": "Anruf",
  "rail.name.email": "E‑Mail",
  "rail.state.quiet": "wartet",
  "rail.state.active": "läuft",
  "rail.state.done": "erledigt",
  "rail.state.failed": "nicht möglich",
  "rail.not_needed": "Diesmal nicht nötig",
  "rail.not_asked": "Diesmal nicht gefragt",
  "rail.no_longer": "Nicht mehr nötig",
  "rail.no_answer": "Nicht rechtzeitig beantwortet",
  "rail.shown": "Ihr Telefon hat die Anfrage angezeigt",
  "rail.answered": "Ihr Telefon hat geantwortet",
  "rail.app.looking": "Ihr Telefon wird gesucht",
  "rail.app.asking": "Ihr Telefon wird gefragt",
  "rail.app.there": "Ihr Telefon hat die Anfrage",
  "rail.app.away": "Ihre App ist nicht verbunden",
  "rail.push.soon": "Noch keine Antwort, Mitteilung folgt in {time}",
  "rail.push.if_needed": "Nur wenn die App nicht erreichbar ist",
  "rail.push.sending": "Eine Mitteilung wird gesendet",
  "rail.push.sent": "Mitteilung gesendet, öffnen Sie sie auf Ihrem Telefon",
  "rail.push.there": "Ihr Telefon hat die Mitteilung",
  "rail.push.lost": "Die Mitteilung ist nicht angekommen",
  "rail.push.off": "Mitteilungen sind auf Ihrem Telefon ausgeschaltet",
  "rail.sms.soon": "Noch keine Antwort, SMS folgt in {time}",
  "rail.sms.if_needed": "Nur wenn Sie sie brauchen",
  "rail.sms.no_number": "Keine Nummer hinterlegt",
  "rail.sms.sending": "Eine SMS wird gesendet",
  "rail.sms.sending_to": "Eine SMS wird an {number} gesendet",
  "rail.sms.sent": "Ihr Code ist unterwegs",
  "rail.sms.there": "Ihr Code ist angekommen",
  "rail.sms.lost": "Die SMS ist nicht angekommen",
  "rail.voice.soon": "Noch keine Antwort, Anruf folgt in {time}",
  "rail.voice.sending": "Sie werden angerufen",
  "rail.voice.sent": "Wir rufen Sie mit einem Code an",
  "rail.voice.there": "Der Anruf hat Sie erreicht",
  "rail.voice.lost": "Der Anruf ist nicht angekommen",
  "rail.email.sending": "Eine E‑Mail wird gesendet",
  "rail.email.sent": "Ihr Code ist unterwegs",
  "rail.email.there": "Ihr Code ist angekommen",
  "rail.email.lost": "Die E‑Mail ist nicht angekommen",
  "rail.unknown": "Wir wissen nicht, ob die Nachricht gesendet wurde, Sie können sie erneut senden",
  "rail.held": "Zu Ihrem Schutz nicht gesendet",
  "rail.unrung": "Nicht benachrichtigt: Öffnen Sie die App, um zu antworten",
  "rail.code_over": "Dieser Code gilt nicht mehr",
  "rail.code_typed": "Sie haben den Code eingegeben",

  "login.page": "Anmelden · Nod Demo Bank",
  "login.title": "Anmelden",
  "login.text": "Kein Passwort. Ihr Telefon fragt, Sie antworten.",
  "login.loading": "Ihr Demokonto wird geladen",
  "login.go": "Weiter",
  "login.go_as": "Weiter als {name}",
  "login.sms": "Stattdessen Code per SMS",
  "login.foot": "Eine Vorführung. Die Bank und ihre Personen sind erfunden.",
  "login.remember": "Diesen Browser 30 Tage merken",
  "login.remembered": "Dieser Browser ist bekannt",
  "login.forget": "Vergessen",
  "login.starting": "Es geht los",
  "login.asked.title": "Sehen Sie auf Ihr Telefon",
  "login.asked.type": "Öffnen Sie die Anfrage, geben Sie diese Zahl ein und stimmen Sie zu.",
  "login.asked.answer": "Öffnen Sie dort die Anfrage und antworten Sie.",
  "login.asked.coded.type":
    "Ihr Telefon ist gerade nicht erreichbar, deshalb kommt ein Code per SMS. Oder öffnen Sie dort die App und geben Sie diese Zahl ein.",
  "login.asked.coded.answer":
    "Ihr Telefon ist gerade nicht erreichbar, deshalb kommt ein Code per SMS. Oder öffnen Sie dort die App und antworten Sie.",
  "login.asked.away.type":
    "Ihr Telefon ist gerade nicht erreichbar. Öffnen Sie dort die App und geben Sie diese Zahl ein.",
  "login.asked.away.answer":
    "Ihr Telefon ist gerade nicht erreichbar. Öffnen Sie dort die App und antworten Sie.",
  "login.asked.unrung.type":
    "Ihr Telefon wurde nicht benachrichtigt, weil frühere Anfragen abgelehnt wurden oder unbeantwortet blieben. Öffnen Sie dort die App, geben Sie diese Zahl ein und stimmen Sie zu.",
  "login.asked.unrung.answer":
    "Ihr Telefon wurde nicht benachrichtigt, weil frühere Anfragen abgelehnt wurden oder unbeantwortet blieben. Öffnen Sie dort die App und antworten Sie.",
  "login.asked.or_code": "Oder fordern Sie einen Code an.",
  "login.locked.type":
    "Ihr Telefon kann weiterhin antworten: Öffnen Sie dort die Anfrage, geben Sie diese Zahl ein und stimmen Sie zu.",
  "login.locked.answer": "Ihr Telefon kann weiterhin antworten: Öffnen Sie dort die Anfrage.",
  "login.asked.number": "Zahl zum Eingeben auf Ihrem Telefon: {number}",
  "login.code.or": "Oder geben Sie {number} auf Ihrem Telefon ein.",
  "login.code.sms": "Wir haben ihn per SMS gesendet.",
  "login.code.sms_to": "Wir haben ihn per SMS an {number} gesendet.",
  "login.code.voice": "Wir haben Sie mit Ihrem Code angerufen.",
  "login.code.voice_to": "Wir haben Sie unter {number} mit Ihrem Code angerufen.",
  "login.code.email": "Wir haben ihn per E‑Mail gesendet.",
  "login.code.tried.sms":
    "Wir haben versucht, ihn per SMS zu senden, und wissen nicht, ob es gelungen ist.",
  "login.code.tried.sms_to":
    "Wir haben versucht, ihn per SMS an {number} zu senden, und wissen nicht, ob es gelungen ist.",
  "login.code.tried.voice":
    "Wir haben versucht, Sie anzurufen, und wissen nicht, ob es gelungen ist.",
  "login.code.tried.voice_to":
    "Wir haben versucht, Sie unter {number} anzurufen, und wissen nicht, ob es gelungen ist.",
  "login.code.tried.email":
    "Wir haben versucht, ihn per E‑Mail zu senden, und wissen nicht, ob es gelungen ist.",
  "login.way.push.first": "Mein Telefon fragen",
  "login.way.push.first_in": "Neue Anfrage in {time}",
  "login.way.push.again": "Neue Anfrage",
  "login.way.push.again_in": "Neue Anfrage in {time}",
  "login.way.sms.first": "Code per SMS",
  "login.way.sms.first_in": "SMS in {time}",
  "login.way.sms.again": "Neue SMS",
  "login.way.sms.again_in": "Neue SMS in {time}",
  "login.way.voice.first": "Mich anrufen",
  "login.way.voice.first_in": "Anruf in {time}",
  "login.way.voice.again": "Neuer Anruf",
  "login.way.voice.again_in": "Neuer Anruf in {time}",
  "login.no_phone": "Ich habe mein Telefon nicht",
  "login.no_phone.title": "Das macht nichts, es ist nichts verloren",
  "login.no_phone.text":
    "Ein Code per SMS kommt auf jedem Telefon mit Ihrer Nummer an. Ist auch die Nummer weg, brechen Sie hier ab und fragen Sie Ihre Bank: Ohne Ihre Antwort kann sich niemand als Sie anmelden.",
  "login.cancel": "Abbrechen",
  "login.unanswered.title": "Sollen wir noch einmal fragen?",
  "login.unanswered.text":
    "Es kam keine rechtzeitige Antwort, und niemand wurde angemeldet. Wählen Sie, wie wir Sie erreichen sollen.",
  "login.end.refused.title": "Sie haben abgelehnt",
  "login.end.refused.text":
    "Die Anfrage wurde auf Ihrem Telefon abgelehnt. Niemand wurde angemeldet. War es ein Versehen, beginnen Sie neu.",
  "login.end.wrong_number.title": "Die Zahl stimmte nicht überein",
  "login.end.wrong_number.text":
    "Auf dem Telefon wurde eine andere Zahl eingegeben, deshalb haben wir diese Anfrage geschlossen. Niemand wurde angemeldet. Beginnen Sie neu und geben Sie die neue Zahl ein.",
  "login.end.reported.title": "Danke für Ihren Hinweis",
  "login.end.reported.text":
    "Sie haben gemeldet, dass Sie das nicht waren. Niemand wurde angemeldet. Neue Anmeldungen sind für 15 Minuten angehalten, und Ihre Bank kann es sehen.",
  "login.end.timed_out.title": "Die Zeit ist abgelaufen",
  "login.end.timed_out.text":
    "Es kam keine rechtzeitige Antwort. Niemand wurde angemeldet. Beginnen Sie neu, wenn Sie Ihr Telefon zur Hand haben.",
  "login.end.max_attempts.title": "Keine Versuche mehr",
  "login.end.max_attempts.text":
    "Es wurden zu viele falsche Codes eingegeben. Niemand wurde angemeldet. Beginnen Sie neu, um einen neuen Code zu erhalten.",
  "login.end.unreachable.title": "Wir konnten Sie nicht erreichen",
  "login.end.unreachable.text":
    "Keine Nachricht kam bei Ihrem Telefon oder Ihrer Nummer an. Niemand wurde angemeldet. Prüfen Sie, ob Ihr Telefon eingeschaltet ist, und beginnen Sie dann neu.",
  "login.end.account_locked.title": "Diese Anmeldung wurde angehalten",
  "login.end.account_locked.text":
    "Zuletzt wurden zu viele falsche Codes eingegeben, deshalb sind Codes für dieses Konto vorübergehend gesperrt. Ihr Konto ist sicher. Warten Sie eine Weile und beginnen Sie dann neu.",
  "login.end.too_many.title": "Diese Anmeldung wurde angehalten",
  "login.end.too_many.text":
    "Es gab zu viele Anfragen in kurzer Zeit, deshalb wurde nichts gesendet. Ihr Konto ist sicher. Warten Sie eine Weile und beginnen Sie dann neu.",
  "login.end.superseded.title": "Eine neuere Anmeldung hat übernommen",
  "login.end.superseded.text":
    "Sie haben in einem anderen Fenster neu begonnen, deshalb wurde diese geschlossen. Machen Sie dort weiter oder beginnen Sie hier neu.",
  "login.end.canceled.title": "Anmeldung abgebrochen",
  "login.end.canceled.text": "Niemand wurde angemeldet. Sie können jederzeit neu beginnen.",
  "login.again": "Neu beginnen",
  "login.again_here": "Hier neu beginnen",
  "login.back": "Zurück zum Anfang",
  "login.not_now": "Nicht jetzt",
  "login.lost.title": "Diese Anmeldung ist beendet",
  "login.lost.text":
    "Sie endete, während diese Seite nicht offen war. Niemand wurde dadurch angemeldet. Beginnen Sie neu.",
  "login.reported.title": "Anmeldungen sind angehalten",
  "login.reported.text":
    "Eine Anmeldung wurde gemeldet, oder etwas war ungewöhnlich, deshalb beginnt eine Weile keine neue. Ihr Konto ist sicher. Versuchen Sie es um {time} Uhr noch einmal.",
  "login.anew.text": "Dies ist eine Vorführung: Sie können auch als jemand anderes weitermachen.",
  "login.anew.go": "Als jemand anderes weitermachen",
  "login.broken.title": "Auf dieser Seite ist etwas schiefgegangen",
  "login.broken.text":
    "Niemand wurde angemeldet. Laden Sie die Seite neu und versuchen Sie es noch einmal.",
  "login.approved.title": "Zustimmung erhalten",
  "login.approved.text": "Sie werden angemeldet.",
  "login.approved.spoken": "Zustimmung erhalten. Sie werden angemeldet.",
  "login.approved.kept": "Ihre Antwort ist bei uns sicher.",
  "login.approved.finish": "Anmeldung abschließen",
  "login.welcome": "Willkommen, {name}",
  "login.in.app": "Sie sind angemeldet. Zustimmung auf Ihrem Telefon um {time} Uhr.",
  "login.in.sms_code": "Sie sind angemeldet. Um {time} Uhr durch den Code Ihrer SMS bestätigt.",
  "login.in.voice_code":
    "Sie sind angemeldet. Um {time} Uhr durch den Code Ihres Anrufs bestätigt.",
  "login.in.email_code":
    "Sie sind angemeldet. Um {time} Uhr durch den Code Ihrer E‑Mail bestätigt.",
  "login.in.trusted_device":
    "Sie sind angemeldet. Um {time} Uhr wurde dieser Browser wiedererkannt.",
  "login.in.other": "Sie sind angemeldet. Um {time} Uhr bestätigt.",
  "login.out": "Abmelden",
  "login.out.text":
    "Melden Sie sich ab, um es noch einmal zu sehen, oder schalten Sie vorher auf dem Telefon etwas aus.",
  "login.number_known": "Die Bank hat den Nachweis geprüft und kennt jetzt {number}.",
  "login.went.push":
    "Die Mitteilung ging an {provider}. Mit make run-providers können Sie sie auf der Seite der Anbieter lesen.",
  "login.went.sms":
    "Die SMS ging an {provider}. Mit make run-providers können Sie sie auf der Seite der Anbieter lesen.",
  "login.went.voice":
    "Der Anruf ging an {provider}. Mit make run-providers können Sie ihn auf der Seite der Anbieter lesen.",
  "login.went.email":
    "Die E‑Mail wurde über {provider} verschickt. Mit make run-providers können Sie sie auf der Seite der Anbieter lesen.",
};
