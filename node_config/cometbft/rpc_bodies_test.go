package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// call writes a call of the usual form.
func call(method, id, tx string) string {
	text := base64.StdEncoding.EncodeToString([]byte(tx))
	return fmt.Sprintf(`{"jsonrpc": "2.0", "id": %s, "method": "%s", "params": {"tx": "%s"}}`, id, method, text)
}

func list(calls ...string) string {
	return "[" + strings.Join(calls, ", ") + "]"
}

// Bodies that our handler answers itself.
var ownBodies = map[string]string{
	"one":               call("broadcast_tx_async", "1", "a"),
	"one that waits":    call("broadcast_tx_sync", "1", "a"),
	"batch":             list(call("broadcast_tx_async", "1", "a"), call("broadcast_tx_sync", `"two"`, "b")),
	"batch of one":      list(call("broadcast_tx_async", "1", "a")),
	"same twice":        list(call("broadcast_tx_async", "1", "a"), call("broadcast_tx_async", "1", "a")),
	"full":              list(call("broadcast_tx_async", "1", "a"), call("broadcast_tx_async", "2", "full")),
	"known":             call("broadcast_tx_async", `"x"`, "known"),
	"odd error":         call("broadcast_tx_sync", `"x"`, "odd"),
	"refused":           list(call("broadcast_tx_sync", "1", "refused"), call("broadcast_tx_async", "2", "refused")),
	"noted":             call("broadcast_tx_sync", `"n"`, "noted"),
	"panic":             list(call("broadcast_tx_async", "1", "a"), call("broadcast_tx_sync", "2", "panic")),
	"number zero":       call("broadcast_tx_async", "0", "a"),
	"long number":       call("broadcast_tx_async", "999999999999999", "a"),
	"empty id":          call("broadcast_tx_async", `""`, "a"),
	"empty transaction": call("broadcast_tx_async", "1", ""),
	"all bytes":         call("broadcast_tx_async", "1", allBytes()),
	"other order":       `{"params":{"tx":"YQ=="},"method":"broadcast_tx_async","id":1,"jsonrpc":"2.0"}`,
	"white space":       "\n [ \t{\r\"jsonrpc\" : \"2.0\" , \"id\" : 5 ,\"method\":\"broadcast_tx_sync\",\n\"params\":{ \"tx\" : \"YQ==\" } } \n] \n",
}

// Bodies that CometBFT's handler gets.
var otherBodies = map[string]string{
	"nothing":              "",
	"space":                "  ",
	"empty batch":          "[]",
	"null":                 "null",
	"number":               "5",
	"cut":                  call("broadcast_tx_async", "1", "a")[:40],
	"more behind":          call("broadcast_tx_async", "1", "a") + "x",
	"two":                  call("broadcast_tx_async", "1", "a") + call("broadcast_tx_async", "2", "b"),
	"comma behind":         "[" + call("broadcast_tx_async", "1", "a") + ",]",
	"not closed":           "[" + call("broadcast_tx_async", "1", "a"),
	"closed by another":    "[" + call("broadcast_tx_async", "1", "a") + "}",
	"null in a batch":      list(call("broadcast_tx_async", "1", "a"), "null"),
	"mixed":                list(call("broadcast_tx_async", "1", "a"), `{"jsonrpc":"2.0","id":2,"method":"health","params":{}}`),
	"other method":         call("no_such_method", "1", "a"),
	"check_tx":             call("check_tx", "1", "a")[:20],
	"health":               `{"jsonrpc":"2.0","id":2,"method":"health"}`,
	"notification":         `{"jsonrpc":"2.0","method":"broadcast_tx_async","params":{"tx":"YQ=="}}`,
	"and a notification":   list(call("broadcast_tx_async", "1", "a"), `{"jsonrpc":"2.0","method":"broadcast_tx_async","params":{"tx":"YQ=="}}`),
	"null id":              call("broadcast_tx_async", "null", "a"),
	"float id":             call("broadcast_tx_async", "1.5", "a"),
	"exponent":             call("broadcast_tx_async", "1e3", "a"),
	"negative id":          call("broadcast_tx_async", "-1", "a"),
	"very long number":     call("broadcast_tx_async", "12345678901234567890", "a"),
	"leading zero":         call("broadcast_tx_async", "01", "a"),
	"true id":              call("broadcast_tx_async", "true", "a"),
	"list id":              call("broadcast_tx_async", "[1]", "a"),
	"escaped id":           call("broadcast_tx_async", `"a\u0041\n"`, "a"),
	"id to escape":         call("broadcast_tx_async", `"<b>&"`, "a"),
	"id of other script":   call("broadcast_tx_async", `"é"`, "a"),
	"id of no text":        call("broadcast_tx_async", "\"\xff\"", "a"),
	"line end in the id":   call("broadcast_tx_async", "\"a\nb\"", "a"),
	"other version":        strings.Replace(call("broadcast_tx_async", "1", "a"), "2.0", "1.0", 1),
	"no version":           `{"id":1,"method":"broadcast_tx_async","params":{"tx":"YQ=="}}`,
	"no params":            `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async"}`,
	"empty params":         `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{}}`,
	"list of params":       `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":["YQ=="]}`,
	"null tx":              `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":null}}`,
	"other param":          `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"TX":"YQ=="}}`,
	"one more param":       `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YQ==","x":1}}`,
	"param twice":          `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YQ==","tx":"Yg=="}}`,
	"one more member":      `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YQ=="},"x":1}`,
	"member twice":         `{"jsonrpc":"2.0","id":1,"id":2,"method":"broadcast_tx_async","params":{"tx":"YQ=="}}`,
	"twice for another":    `{"id":1,"id":2,"method":"broadcast_tx_async","params":{"tx":"YQ=="}}`,
	"other case":           `{"jsonrpc":"2.0","ID":1,"Method":"broadcast_tx_async","Params":{"tx":"YQ=="}}`,
	"escaped name":         `{"jsonrpc":"2.0","\u0069d":1,"method":"broadcast_tx_async","params":{"tx":"YQ=="}}`,
	"escaped tx":           `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"\/\/8="}}`,
	"no base64":            `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"Y!=="}}`,
	"no padding":           `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YQ"}}`,
	"bits behind":          `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YR=="}}`,
	"line end in base64":   `{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{"tx":"YW\nE="}}`,
	"too many":             list(call("broadcast_tx_async", "1", "a"), call("broadcast_tx_async", "2", "b"), call("broadcast_tx_async", "3", "c"), call("broadcast_tx_async", "4", "d")),
	"too long":             call("broadcast_tx_async", "1", strings.Repeat("a", 3000)),
	"space over the limit": call("broadcast_tx_async", "1", "a") + strings.Repeat(" ", 4000),
	"byte order mark":      "\ufeff" + call("broadcast_tx_async", "1", "a"),
}

func allBytes() string {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return string(every)
}
