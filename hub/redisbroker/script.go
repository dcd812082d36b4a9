package redisbroker

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Each script works on the one key of one topic or node, so that it runs in a
// Cluster too; publishing alone does not, for the channels lie elsewhere there.
var (
	// registering: KEYS topic; ARGV node, stamp, rest of the entry, life in ms,
	// margin in µs (-1: not exclusive).
	// Answers the stamp; or the stamp, whether the entry is new, and the older
	// nodes, which are removed; or -1 and the entry that is newer.
	registering = redis.NewScript(`
local stamp, margin, answer = tonumber(ARGV[2]), tonumber(ARGV[5]), {}
if margin >= 0 then
	local entries, newest, winner = redis.call('HGETALL', KEYS[1]), -1, nil
	for i = 1, #entries, 2 do
		if entries[i] ~= ARGV[1] then
			local theirs = tonumber(string.match(entries[i + 1], '^%d+') or 0)
			if theirs > newest then newest, winner = theirs, i end
			answer[#answer + 1] = entries[i]
		end
	end
	if newest > stamp + margin or newest == stamp and margin == 0 and entries[winner] > ARGV[1] then
		redis.call('HDEL', KEYS[1], ARGV[1])
		return {-1, entries[winner + 1]}
	end
	if newest >= stamp then stamp = newest + 1 end
	if #answer > 0 then redis.call('HDEL', KEYS[1], unpack(answer)) end
end
local new = redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', stamp) .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if new == 0 and #answer == 0 then return stamp end
return {stamp, new, unpack(answer)}`)

	// removing: KEYS topic; ARGV node, how its entry must begin.
	removing = redis.NewScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry and string.sub(entry, 1, #ARGV[2]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0`)

	// publishing: KEYS topic; ARGV this node, frame. A node that nobody hears is
	// removed in the same moment, so none that has come back can be meant.
	publishing = redis.NewScript(`
local heard = 0
for _, node in ipairs(redis.call('HKEYS', KEYS[1])) do
	if node ~= ARGV[1] then
		local n = redis.call('PUBLISH', 'nod:{' .. node .. '}', ARGV[2])
		if n == 0 then redis.pcall('HDEL', KEYS[1], node) end
		heard = heard + n
	end
end
return heard`)

	// probing: KEYS channel, which is the node's own key; ARGV epoch, frame, life
	// in ms, PUBLISH or SPUBLISH. It writes first: on a read-only Redis no probe
	// comes back.
	probing = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return redis.call(ARGV[4], KEYS[1], ARGV[2])`)
)

// scripts runs scripts in one pipeline. Only the first of each carries its text,
// the others its name: Redis forgets texts when it restarts, but not within one
// connection's pipeline. In a Cluster a pipeline is several, so forgotten is to
// be asked for.
type scripts struct {
	pipe  redis.Pipeliner
	known map[*redis.Script]bool
}

func newScripts(c redis.UniversalClient) *scripts {
	return &scripts{c.Pipeline(), make(map[*redis.Script]bool, 2)}
}

func (s *scripts) run(ctx context.Context, script *redis.Script, key string, args ...any) *redis.Cmd {
	if s.known[script] {
		return script.EvalSha(ctx, s.pipe, []string{key}, args...)
	}
	s.known[script] = true
	return script.Eval(ctx, s.pipe, []string{key}, args...)
}

// forgotten tells that a command was not run because its script is not known.
func forgotten(cmd *redis.Cmd) bool {
	err := cmd.Err()
	return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
}
