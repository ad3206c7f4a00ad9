package main

import (
	"encoding/base64"
	"strconv"

	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	"github.com/cometbft/cometbft/types"
)

const (
	methodAsync = "broadcast_tx_async"
	methodSync  = "broadcast_tx_sync"
	// Whole numbers of so many digits are the same whether they are read as a float64 or not.
	idDigitsMax = 15
)

// Bytes have several forms in base64, and this takes the usual one.
var strictBase64 = base64.StdEncoding.Strict()

// broadcast is a call that sends a transaction.
type broadcast struct {
	request rpctypes.RPCRequest
	// The id as it stands in the request, and so in the answer.
	id []byte
	tx types.Tx
}

// parseBroadcasts reads a body that is one such call or a list of them. It is not ok where the body
// is anything else, or is written in a way that leaves a question open: with escapes, with a member
// twice, with one more, with an id that is neither a plain text nor a plain number.
func parseBroadcasts(body []byte) (calls []broadcast, ok bool) {
	p := parser{rest: body}
	if !p.takes('[') {
		calls = append(calls, p.readCall())
	} else {
		for more := true; more && !p.failed; more = p.takes(',') {
			calls = append(calls, p.readCall())
		}
		p.expect(']')
	}
	return calls, p.isAtEnd()
}

// parser reads JSON from the front. Once it has failed, it finds nothing any more.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) readCall() (call broadcast) {
	p.readObject(4, func(name string) {
		switch name {
		case "jsonrpc":
			p.failed = p.failed || string(p.readText()) != "2.0"
		case "id":
			p.readID(&call)
		case "method":
			call.request.Method = p.readMethod()
		case "params":
			p.readObject(1, func(name string) { call.tx = p.readTx(name) })
		default:
			p.failed = true
		}
	})
	return call
}

// readObject reads an object of exactly so many members, each of another name.
func (p *parser) readObject(size int, readMember func(name string)) {
	p.expect('{')
	seen := make([]string, 0, 4)
	for more := true; more && !p.failed; more = p.takes(',') {
		name := string(p.readText())
		p.expect(':')
		for _, other := range seen {
			p.failed = p.failed || other == name
		}
		seen = append(seen, name)
		readMember(name)
	}
	p.expect('}')
	p.failed = p.failed || len(seen) != size
}

func (p *parser) readMethod() string {
	switch string(p.readText()) {
	case methodAsync:
		return methodAsync
	case methodSync:
		return methodSync
	}
	p.failed = true
	return ""
}

func (p *parser) readID(call *broadcast) {
	if p.skipSpace(); len(p.rest) > 0 && p.rest[0] == '"' {
		before := p.rest
		text := p.readText()
		call.id = before[:len(text)+2]
		call.request.ID = rpctypes.JSONRPCStringID(text)
		return
	}
	digits := 0
	for digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		digits++
	}
	call.id = p.rest[:digits]
	number, err := strconv.Atoi(string(call.id))
	call.request.ID = rpctypes.JSONRPCIntID(number)
	leadingZero := digits > 1 && call.id[0] == '0'
	p.failed = p.failed || err != nil || leadingZero || digits > idDigitsMax
	p.rest = p.rest[digits:]
}

func (p *parser) readTx(name string) types.Tx {
	text := p.readText()
	tx := make([]byte, strictBase64.DecodedLen(len(text)))
	size, err := strictBase64.Decode(tx, text)
	p.failed = p.failed || name != "tx" || err != nil
	return tx[:size]
}

// readText reads a string of printable ASCII without escapes and without what an answer would
// escape.
func (p *parser) readText() []byte {
	p.expect('"')
	for i, char := range p.rest {
		if p.failed {
			break
		}
		if char == '"' {
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text
		}
		p.failed = char < ' ' || char > '~' || char == '\\' || char == '<' || char == '>' || char == '&'
	}
	p.failed = true
	return nil
}

func (p *parser) expect(char byte) {
	if !p.takes(char) {
		p.failed = true
	}
}

// takes goes on behind a character if it is the next one.
func (p *parser) takes(char byte) bool {
	p.skipSpace()
	if p.failed || len(p.rest) == 0 || p.rest[0] != char {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) skipSpace() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\t' || p.rest[0] == '\r' || p.rest[0] == '\n') {
		p.rest = p.rest[1:]
	}
}

func (p *parser) isAtEnd() bool {
	p.skipSpace()
	return !p.failed && len(p.rest) == 0
}
