package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// SNS plays Amazon SNS for SMS: Publish to a phone number and GetSMSAttributes,
// with signatures of version 4 computed anew. It has no receipts, as SNS has none.
// The code of an answer may name a parameter: "InvalidParameter: PhoneNumber".
//
// Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
type SNS struct {
	Desk
	Region          string
	AccessKeyID     string
	SecretAccessKey string
}

// ServeHTTP answers one request.
func (s *SNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 256<<10))
	if err != nil {
		s.object("reading a request: %v", err)
		return
	}
	if code, err := s.signed(r, body); err != nil {
		s.object("%v", err)
		snsError(w, http.StatusForbidden, code)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/" || form.Get("Version") != "2010-03-31" {
		s.object("not a form of version 2010-03-31: %s %s", r.Method, r.URL.Path)
		snsError(w, http.StatusBadRequest, "InvalidAction")
		return
	}
	switch form.Get("Action") {
	case "Publish":
		s.publish(w, r, form)
	case "GetSMSAttributes":
		a := s.next("GetSMSAttributes")
		if a.Status != 0 {
			snsError(w, a.Status, a.Code)
			return
		}
		snsAnswer(w, "GetSMSAttributes", "<attributes><entry><key>DefaultSMSType</key><value>Transactional</value></entry></attributes>")
	default:
		s.object("%s is not played here", form.Get("Action"))
		snsError(w, http.StatusBadRequest, "InvalidAction")
	}
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (s *SNS) publish(w http.ResponseWriter, r *http.Request, form url.Values) {
	to, text := form.Get("PhoneNumber"), form.Get("Message")
	err := judgeSegment(text)
	switch {
	case !e164.MatchString(to):
		err = errors.New("PhoneNumber is not E.164")
	case form.Has("TopicArn") || form.Has("TargetArn"):
		err = errors.New("a topic or target beside the number")
	case text == "":
		err = errors.New("no Message")
	case snsAttribute(form, "AWS.SNS.SMS.SMSType") != "Transactional":
		err = errors.New("AWS.SNS.SMS.SMSType is not Transactional")
	}
	if err != nil {
		s.object("%v", err)
		snsError(w, http.StatusBadRequest, "InvalidParameter")
		return
	}
	id, a := uuid.NewString(), s.next(to)
	take := func() { s.take(Accepted{Provider: "sns", To: to, ID: id, Text: text}) }
	if !play(w, r, a, take) {
		return
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Status != 0 && a.Status != http.StatusOK {
		snsError(w, a.Status, a.Code, to)
		return
	}
	take()
	snsAnswer(w, "Publish", "<MessageId>"+id+"</MessageId>")
}

// snsAttribute finds one of MessageAttributes.entry.N.
func snsAttribute(form url.Values, name string) string {
	for i := 1; form.Has(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)); i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		if form.Get(entry+"Name") == name && form.Get(entry+"Value.DataType") == "String" {
			return form.Get(entry + "Value.StringValue")
		}
	}
	return ""
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/sns/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// signed computes the signature anew. The code is what Amazon would refuse with.
func (s *SNS) signed(r *http.Request, body []byte) (code string, err error) {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "MissingAuthenticationToken", errors.New("no signature of version 4 for sns")
	}
	key, day, region, headers, signature := m[1], m[2], m[3], strings.Split(m[4], ";"), m[5]
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	switch {
	case key != s.AccessKeyID:
		return "InvalidClientTokenId", errors.New("another access key")
	case err != nil || stamp[:8] != day || time.Since(at).Abs() > 15*time.Minute:
		return "SignatureDoesNotMatch", errors.New("X-Amz-Date is not now, or not the scope's day")
	case !slices.IsSorted(headers) || !slices.Contains(headers, "host") || !slices.Contains(headers, "x-amz-date"):
		return "SignatureDoesNotMatch", errors.New("the signed headers are not sorted, or host and x-amz-date are not among them")
	}
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.Query().Encode())
	for _, name := range headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", strings.Join(headers, ";"), hashHex(body))

	scope := day + "/" + region + "/sns/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hashHex([]byte(canonical.String()))
	mac := []byte("AWS4" + s.SecretAccessKey)
	for _, part := range []string{day, region, "sns", "aws4_request", toSign} {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(part))
		mac = h.Sum(nil)
	}
	if region != s.Region || !hmac.Equal([]byte(hex.EncodeToString(mac)), []byte(signature)) {
		return "SignatureDoesNotMatch", errors.New("the signature is not this secret's for this region and request")
	}
	return "", nil
}

func hashHex(b []byte) string {
	hash := sha256.Sum256(b)
	return hex.EncodeToString(hash[:])
}

const snsSpace = "http://sns.amazonaws.com/doc/2010-03-31/"

// snsAnswer writes the result of an action, given as XML.
func snsAnswer(w http.ResponseWriter, action, result string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="%[2]s"><%[1]sResult>%[3]s</%[1]sResult><ResponseMetadata><RequestId>%[4]s</RequestId></ResponseMetadata></%[1]sResponse>`,
		action, snsSpace, result, uuid.NewString())
}

// snsError refuses a request, and says in its text what about, as SNS does. An empty
// code is an answer that is not SNS's.
func snsError(w http.ResponseWriter, status int, code string, about ...string) {
	if code == "" {
		http.Error(w, "not from SNS", status)
		return
	}
	type failure struct {
		Type    string
		Code    string
		Message string
	}
	code, parameter, _ := strings.Cut(code, ": ")
	answer := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Space     string   `xml:"xmlns,attr"`
		Error     failure
		RequestID string `xml:"RequestId"`
	}{Space: snsSpace, Error: failure{"Sender", code, fmt.Sprint("as scripted", about)}, RequestID: uuid.NewString()}
	if parameter != "" {
		answer.Error.Message = fmt.Sprintf("Invalid parameter: %s Reason: %v is not valid", parameter, about)
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(answer)
}
