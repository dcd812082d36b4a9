package delivery

import (
	"github.com/go-jose/go-jose/v4"
)

// typPush is the type of what [seal] makes: like every token of nod it is never
// taken for another.
const typPush = "nod-push+jwt"

// maxSealed is how long a sealed prompt may be, in bytes. A whole push has 4,096
// with FCM, with APNs and, as aes128gcm, with Web Push (RFC 8030, section 7.2), and
// beside the prompt there are ids and words in it. The longest request in ASCII
// needs 2,900; a longer one, in another script, is fetched by the woken app.
const maxSealed = 3 << 10

// seal encrypts a signed prompt for a device's own key: a compact JWE (RFC 7516)
// with ECDH-ES on P-256 and A256GCM around the JWS itself, as nested JWTs are (RFC
// 7519, section 5.2). It is empty when it is too long for a push.
func seal(key jose.JSONWebKey, signed string) (string, error) {
	options := (&jose.EncrypterOptions{}).WithType(typPush).WithContentType("JWT")
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key}, options)
	if err != nil {
		return "", err
	}
	jwe, err := encrypter.Encrypt([]byte(signed))
	if err != nil {
		return "", err
	}
	sealed, err := jwe.CompactSerialize()
	if err != nil || len(sealed) > maxSealed {
		return "", err
	}
	return sealed, nil
}
