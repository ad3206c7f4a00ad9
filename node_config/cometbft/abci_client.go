package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
	cmtnet "github.com/cometbft/cometbft/libs/net"
	"github.com/cometbft/cometbft/libs/service"
)

const (
	// Max requests waiting to be sent; further callers wait.
	queueMax = 10_000
	// Max batches in flight: one executing, one queued. What comes meanwhile gathers for the next.
	batchesMax = 2
	// Between two attempts to reach the application.
	dialPause  = time.Second
	messageMax = 1<<31 - 1
	readBuffer = 1 << 16
	// Longer answers are not compared with the one before.
	repeatedMax = 64
	// Buffers that a large block has made larger than this are given back.
	bufferKept = 1 << 20
)

// client speaks ABCI over a socket. Requests are answered in their order. Those that have gathered
// are sent together, with one Flush behind them, so that neither side wakes up for each.
type client struct {
	service.BaseService

	address string
	conn    net.Conn

	mtx sync.Mutex
	// Tells of changes of what is below.
	changed sync.Cond
	// Waiting to be sent.
	queue []*abcicli.ReqRes
	// Sent and not answered, and how many ends of batches are among them.
	sent    []sentRequest
	batches int
	// Called with every answer.
	callback abcicli.Callback
	stopped  bool
	err      error
}

type sentRequest struct {
	*abcicli.ReqRes
	endsBatch bool
}

type clientCreator struct{ address string }

// NewABCIClient makes the client of one of CometBFT's four connections.
func (creator clientCreator) NewABCIClient() (abcicli.Client, error) {
	c := &client{address: creator.address}
	c.changed.L = &c.mtx
	c.BaseService = *service.NewBaseService(nil, "abciClient", c)
	return c, nil
}

// OnStart connects, and tries until the application is there.
func (c *client) OnStart() error {
	for {
		conn, err := cmtnet.Connect(c.address)
		if err == nil {
			c.conn = conn
			break
		}
		c.Logger.Error("The application does not answer yet", "address", c.address, "err", err)
		time.Sleep(dialPause)
	}
	go c.run(c.sendAll)
	go c.run(c.receiveAll)
	return nil
}

// OnStop releases everybody who waits for an answer; they find the reason in Error.
func (c *client) OnStop() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.mtx.Lock()
	sent, queue := c.sent, c.queue
	c.stopped, c.sent, c.queue = true, nil, nil
	c.changed.Broadcast()
	c.mtx.Unlock()
	for _, request := range sent {
		request.Done()
	}
	for _, request := range queue {
		request.Done()
	}
}

// Error is the reason why the client stopped by itself, if it did.
func (c *client) Error() error {
	c.mtx.Lock()
	defer c.mtx.Unlock()
	return c.err
}

func (c *client) SetResponseCallback(callback abcicli.Callback) {
	c.mtx.Lock()
	defer c.mtx.Unlock()
	c.callback = callback
}

// run works until an error; CometBFT ends when a client has stopped.
func (c *client) run(work func() error) {
	err := work()
	c.mtx.Lock()
	first := c.err == nil && !c.stopped
	if first {
		c.err = err
	}
	c.mtx.Unlock()
	if first {
		c.Logger.Error("Lost the application", "err", err)
		if err := c.Stop(); err != nil {
			c.Logger.Error("Cannot stop the client", "err", err)
		}
	}
}

// enqueue takes a request; without an answer to come, it is done at once.
func (c *client) enqueue(request *types.Request) *abcicli.ReqRes {
	entry := abcicli.NewReqRes(request)
	c.mtx.Lock()
	defer c.mtx.Unlock()
	for len(c.queue) >= queueMax && !c.stopped {
		c.changed.Wait()
	}
	if c.stopped {
		entry.Done()
		return entry
	}
	c.queue = append(c.queue, entry)
	if len(c.queue) == 1 {
		c.changed.Broadcast()
	}
	return entry
}

// takeBatch waits for requests and for their turn; nil when the client has stopped.
func (c *client) takeBatch() []*abcicli.ReqRes {
	c.mtx.Lock()
	defer c.mtx.Unlock()
	for (len(c.queue) == 0 || c.batches >= batchesMax) && !c.stopped {
		c.changed.Wait()
	}
	if c.stopped {
		return nil
	}
	batch := c.queue
	c.queue = nil
	if batch[len(batch)-1].Request.GetFlush() == nil {
		batch = append(batch, abcicli.NewReqRes(types.ToRequestFlush()))
	}
	for i, request := range batch {
		c.sent = append(c.sent, sentRequest{request, i == len(batch)-1})
	}
	c.batches++
	c.changed.Broadcast()
	return batch
}

func (c *client) sendAll() error {
	var buffer []byte
	for {
		batch := c.takeBatch()
		if batch == nil {
			return nil
		}
		buffer = buffer[:0]
		for _, entry := range batch {
			var err error
			if buffer, err = appendMessage(buffer, entry.Request); err != nil {
				return err
			}
		}
		if _, err := c.conn.Write(buffer); err != nil {
			return err
		}
		if cap(buffer) > bufferKept {
			buffer = nil
		}
	}
}

func (c *client) receiveAll() error {
	reader := bufio.NewReaderSize(c.conn, readBuffer)
	var buffer, last []byte
	var response *types.Response
	for {
		size, err := binary.ReadUvarint(reader)
		if err != nil {
			return err
		}
		if size > messageMax {
			return fmt.Errorf("the application sends a message of %d bytes", size)
		}
		if uint64(cap(buffer)) < size {
			buffer = make([]byte, size)
		}
		buffer = buffer[:size]
		if _, err := io.ReadFull(reader, buffer); err != nil {
			return err
		}
		// Most answers to CheckTx say the same; nobody changes an answer.
		if len(last) == 0 || !bytes.Equal(buffer, last) {
			response = new(types.Response)
			if err := response.Unmarshal(buffer); err != nil {
				return err
			}
			last = last[:0]
			if size <= repeatedMax {
				last = append(last, buffer...)
			}
		}
		if err := c.answer(response); err != nil {
			return err
		}
		if cap(buffer) > bufferKept {
			buffer = nil
		}
	}
}

// answer gives a response to the oldest request that has none.
func (c *client) answer(response *types.Response) error {
	if exception := response.GetException(); exception != nil {
		return errors.New(exception.Error)
	}
	c.mtx.Lock()
	if len(c.sent) == 0 {
		c.mtx.Unlock()
		return fmt.Errorf("the application sends %T, and nothing was asked", response.Value)
	}
	entry, callback := c.sent[0], c.callback
	if !isAnswer(entry.Request, response) {
		c.mtx.Unlock()
		return fmt.Errorf("the application answers %T with %T", entry.Request.Value, response.Value)
	}
	c.sent = c.sent[1:]
	if entry.endsBatch {
		c.batches--
		c.changed.Broadcast()
	}
	c.mtx.Unlock()
	entry.Response = response
	entry.Done()
	if callback != nil {
		callback(entry.Request, entry.Response)
	}
	entry.InvokeCallback()
	return nil
}

// ask waits for the answer to a request.
func (c *client) ask(request *types.Request) (*types.Response, error) {
	entry := c.enqueue(request)
	entry.Wait()
	if entry.Response != nil {
		return entry.Response, nil
	}
	if err := c.Error(); err != nil {
		return nil, err
	}
	return nil, errors.New("the connection to the application has ended")
}

// appendMessage writes a message behind its length.
func appendMessage(buffer []byte, request *types.Request) ([]byte, error) {
	size := request.Size()
	buffer = binary.AppendUvarint(buffer, uint64(size))
	start := len(buffer)
	if cap(buffer) < start+size {
		buffer = append(make([]byte, 0, 2*(start+size)), buffer...)
	}
	buffer = buffer[:start+size]
	_, err := request.MarshalToSizedBuffer(buffer[start:])
	return buffer, err
}
