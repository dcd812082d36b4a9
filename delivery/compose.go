package delivery

import "nod/verify"

// compose makes the message of a delivery, but for its Life; false when the device
// is revoked or has switched push off.
func (d *Dispatcher) compose(v *verify.Verification, row *verify.Delivery) (Message, bool) {
	m := Message{UserID: v.UserID, VerificationID: v.ID, DeliveryID: row.ID, Channel: row.Channel, Locale: v.Locale}
	if c := v.CodeOf(row); c != nil {
		d.composeCode(&m, v, row, c)
		return m, true
	}
	device := deviceOf(v, row.DeviceID)
	if device == nil || (row.Channel == verify.Push && device.Push == nil) {
		return m, false
	}
	prompt := d.config.Authority.Prompt(v, row)
	m.DeviceID, m.Prompt, m.ExpiresAt = device.ID, &prompt, v.Prompt.ExpiresAt
	if row.Channel == verify.Push {
		d.composePush(&m, v, device)
	}
	return m, true
}

// composeCode fills in what goes to a number or a mailbox.
func (d *Dispatcher) composeCode(m *Message, v *verify.Verification, row *verify.Delivery, c *verify.Code) {
	m.ExpiresAt = c.ExpiresAt
	m.Code = d.config.Authority.Keys().Code(v, *c)
	words := d.config.Texts.code(v, row, m.Code, d.host)
	m.Language, m.Title, m.Text = words.Language, words.Title, words.Text
	if row.Channel == verify.Email {
		m.Email = v.Email.Address()
		return
	}
	m.Number, m.Country, m.Tried = v.Number, row.Country, row.TriedBy()
}

// composePush fills in what wakes an app: words that say nothing about the request
// and, for its eyes only, the request.
func (d *Dispatcher) composePush(m *Message, v *verify.Verification, device *verify.Device) {
	words := d.config.Texts.prompt(v.Locale)
	m.Language, m.Title, m.Text = words.Language, words.Title, words.Text
	m.Push, m.Platform = device.Push, device.Platform
	if device.EncryptKey == nil {
		return
	}
	var err error
	if m.Sealed, err = seal(*device.EncryptKey, m.Prompt.Signed); err != nil { // a push that only wakes still helps
		d.config.Log.Warn("a request could not be sealed for a device", "device_id", device.ID, "error", err)
	}
}

func deviceOf(v *verify.Verification, id string) *verify.Device {
	for i := range v.Devices {
		if v.Devices[i].ID == id {
			return &v.Devices[i]
		}
	}
	return nil
}
