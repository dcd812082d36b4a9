package main

import "testing"

// A node without Redis hears what it did not write itself: what an operator's tool
// or another node wrote, and what it wrote itself but had no answer to its COMMIT.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	c := newCluster(t, setup{settings: []string{"NOD_REDIS_URL="}})
	v := c.nodes[0].ask("alone", object{"phone_number": number})
	page := c.nodes[1].watch(v, nil)
	page.next("snapshot")
	c.nodes[0].do(200, "POST", pathOf(v)+"/cancel", object{})
	if err := page.hear("result", about(v)); err != nil {
		t.Error(err)
	}
}
