package redisbroker_test

import (
	"fmt"
	"strings"
	"testing"

	"nod/hub/redisbroker"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://localhost",
		"redis://127.0.0.1:6379/3",
		"rediss://user:pass%2Fword@redis.example:6380/0",
		"redis://:p@ss@[::1]:6379",
		"redis://[::1]",
		"redis+sentinel://10.0.0.1,10.0.0.2:26380/main",
		"rediss+sentinel://user:word@h1:1,h2:2,h3:3/main/4?sentinel_user=u&sentinel_password=p",
		"redis+cluster://h1:1,h2:2",
		"rediss+cluster://:word@h1:1,h2:2/",
	} {
		if err := redisbroker.Check(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "localhost:6379", "http://hidden@h", "redis+://h", "redis+unix://h", "redisss://h",
		"redis://", "redis://:hidden@", "redis://h:0", "redis://h:65536", "redis://h:port", "redis://h1,h2",
		"redis://:hid/den@h", "redis://:hid%zzden@h", "redis://h/database", "redis://h/-1", "redis://h/1/2",
		"redis://h?sentinel_user=hidden", "redis://h?%zz", "redis://h#hidden",
		"redis+sentinel://h", "redis+sentinel://h/", "redis+sentinel://h/main/x", "redis+sentinel://h/main?password=hidden",
		"redis+sentinel://h,/main", "redis+cluster://h/1", "redis+cluster://h1,:6379",
	} {
		err := redisbroker.Check(url)
		if err == nil {
			t.Errorf("%s is taken", url)
			continue
		}
		if _, opened := redisbroker.Open(redisbroker.Config{URL: url}); fmt.Sprint(opened) != fmt.Sprint(err) {
			t.Errorf("Open says %v, Check %v", opened, err)
		}
		if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "redis+cluster://") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
