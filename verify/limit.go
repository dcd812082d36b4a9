package verify

import "time"

// Limit is how many in how long: never more than N in any span of Per, wherever it
// begins. The zero value limits nothing.
type Limit struct {
	N   int
	Per time.Duration
}

// BudgetMode says what becomes of a code that its country's budget, or its IP's, has
// no room for.
type BudgetMode string

// The budget modes.
const (
	BudgetOff    BudgetMode = "off"
	BudgetRecord BudgetMode = "record_only"
	BudgetDeny   BudgetMode = "deny"
	BudgetAuto   BudgetMode = "auto" // record_only until the deployment is seven days old, then deny
)

// Limits are what an attacker meets (contract, section 4). Of several limits all
// hold; an empty slice, and the zero value of the others, limits nothing.
type Limits struct {
	SendsPhone []Limit // codes over SMS and voice to one number
	SendsUser  []Limit // codes, whichever way, of one user
	SendsIP    []Limit // codes, whichever way, that one person's IP asked for
	ChecksIP   []Limit // codes that one person's IP had compared
	Prompts    []Limit // of one user
	WrongCodes []Limit // of one user: then no code until the oldest is out of the span; of a year and more: until unlocked

	WrongCodesAll Limit // of the whole deployment: then the codes of new sessions are longer
	Fatigue       Limit // N prompts denied or ignored in a row: for Per nothing starts by itself
	Prefix        Limit // sends to one prefix that nobody proved: then it is closed for a while

	Countries []string   // ISO 3166-1 alpha-2: codes go to numbers of these over SMS and voice; nil: to all
	Budgets   BudgetMode // empty: off
	SpendCap  int64      // a UTC day, in micro-units; 0: none
	// Price is what a code to a country costs with the dearest provider, in
	// micro-units. While there is a cap, what has no price is not sent.
	Price func(country string) (micros int64, ok bool)
}
