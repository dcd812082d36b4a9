package traffic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nod/verify"
)

// Plant is an effect that is put into the play, to be found again in the figures.
type Plant string

// The effects.
const (
	IdleStep    Plant = "step"     // many messages get lost, and so do most of those asked for again after 60 s
	WeakRoute   Plant = "provider" // one provider loses half of its messages to Brazil
	BadHour     Plant = "hour"     // at one hour of the day, UTC, every second person has no phone at hand
	Misread     Plant = "text"     // who reads Hindi mistypes every third code
	SlowCountry Plant = "slow"     // messages to India take minutes
)

// Plants are all effects.
func Plants() []Plant { return []Plant{IdleStep, WeakRoute, BadHour, Misread, SlowCountry} }

// ParsePlants reads the names of effects, separated by commas; an empty text is none.
func ParsePlants(text string) (plants []Plant, err error) {
	for name := range strings.SplitSeq(text, ",") {
		switch p := Plant(strings.TrimSpace(name)); {
		case p == "":
		case !slices.Contains(Plants(), p):
			return nil, fmt.Errorf("%q is no effect that can be planted: take some of %v", name, Plants())
		default:
			plants = append(plants, p)
		}
	}
	return plants, nil
}

// Where the effects strike.
const (
	idleDelay  = 60 * time.Second
	weakRoute  = "vonage"
	weakIn     = "BR"
	badHour    = 15 // UTC: afternoon or evening in most of the play's countries
	misreaders = "hi"
	slowIn     = "IN"
)

// Effect tells in words what is planted.
func (p Plant) Effect() string {
	return map[Plant]string{
		IdleStep:    fmt.Sprintf("many messages get lost, and so do most of those asked for again after %v", idleDelay),
		WeakRoute:   fmt.Sprintf("%s loses half of its messages to %s", weakRoute, weakIn),
		BadHour:     fmt.Sprintf("from %d to %d o'clock UTC every second person has no phone at hand", badHour, badHour+1),
		Misread:     fmt.Sprintf("who reads %q mistypes every third code", misreaders),
		SlowCountry: fmt.Sprintf("messages to %s take minutes", slowIn),
	}[p]
}

// lost is the chance that a message never arrives.
func (p *play) lost(m *message) float64 {
	switch {
	case p.has(IdleStep) && m.code != "" && !m.asked:
		return 0.35
	case p.has(IdleStep) && m.asked && m.waited == idleDelay:
		return 0.9
	case p.has(WeakRoute) && m.route.Provider == weakRoute && m.route.Country == weakIn:
		return 0.5
	case m.route.Channel == verify.Push:
		return 0.02
	}
	return 0.06
}

// travel is how long a message takes that arrives.
func (p *play) travel(d dice, m *message) time.Duration {
	switch {
	case m.route.Channel == verify.Push:
		return d.around(900*time.Millisecond, 0.5)
	case m.route.Channel == verify.Voice:
		return d.around(8*time.Second, 0.3)
	case p.has(SlowCountry) && m.route.Country == slowIn:
		return d.around(100*time.Second, 0.3)
	}
	if d.chance(0.04) { // it waits in some queue on the way
		return d.within(time.Minute, 3*time.Minute)
	}
	return d.around(6*time.Second, 0.5)
}

// absent is the chance that who comes now has no phone at hand, and goes again.
func (p *play) absent() float64 {
	if p.has(BadHour) && p.now().Hour() == badHour {
		return 0.5
	}
	return 0.03
}

// mistyped is the chance that a person types a code wrong.
func (p *play) mistyped(who *person) float64 {
	if p.has(Misread) && who.locale == misreaders {
		return 0.35
	}
	return 0.05
}

func (p *play) has(e Plant) bool { return slices.Contains(p.config.Plants, e) }
