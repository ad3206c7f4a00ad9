package main

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	p2pproto "github.com/cometbft/cometbft/proto/tendermint/p2p"
)

const (
	heartbeatChannel = byte(0x7e)
	heartbeatEvery   = 2 * time.Second
	silenceMax       = 8 * time.Second
)

var errSilent = errors.New("nothing was heard of the peer for 8 s")

// heartbeat finds out soon that a connection is dead, and connects again soon after the way to a
// persistent peer is free. CometBFT itself asks a silent peer after one minute and gives it 45 s;
// until then it is the system that sends what was lost again, at longer and longer intervals, so
// that a partition of half a minute lasted almost a minute. And after some minutes it tries to
// connect less and less often, up to once in hours.
//
// A peer without this channel, which any other CometBFT is, is left alone.
type heartbeat struct {
	p2p.BaseReactor
	persistent []*persistentPeer

	mutex sync.Mutex
	heard map[p2p.ID]time.Time
}

// persistentPeer is one of p2p.persistent_peers, as it is written there.
type persistentPeer struct {
	place   string
	id      p2p.ID
	dialing atomic.Bool
}

func newHeartbeat(persistentPeers string) *heartbeat {
	beat := &heartbeat{heard: map[p2p.ID]time.Time{}}
	beat.BaseReactor = *p2p.NewBaseReactor("Heartbeat", beat)
	for _, place := range strings.Split(persistentPeers, ",") {
		place = strings.TrimSpace(place)
		// CometBFT itself complains of a place of another form.
		if id, _, found := strings.Cut(place, "@"); found {
			beat.persistent = append(beat.persistent, &persistentPeer{place: place, id: p2p.ID(id)})
		}
	}
	return beat
}

func (beat *heartbeat) OnStart() error {
	go beat.run()
	return nil
}

func (beat *heartbeat) run() {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-beat.Quit():
			return
		case <-ticker.C:
		}
		// A node that was itself stopped has heard no peer meanwhile.
		if time.Since(last) > silenceMax/2 {
			beat.forgive()
		}
		last = time.Now()
		for _, peer := range beat.Switch.Peers().List() {
			beat.check(peer)
		}
		for _, peer := range beat.persistent {
			if !beat.Switch.Peers().Has(peer.id) && peer.dialing.CompareAndSwap(false, true) {
				go beat.dial(peer)
			}
		}
	}
}

// dial looks the peer's name up anew, because it may have another address now. What goes wrong is
// tried again in a moment.
func (beat *heartbeat) dial(peer *persistentPeer) {
	defer peer.dialing.Store(false)
	if address, err := p2p.NewNetAddressString(peer.place); err == nil {
		_ = beat.Switch.DialPeerWithAddress(address)
	}
}

// check says that we are there, and ends the connection to a peer that has not said so for long.
func (beat *heartbeat) check(peer p2p.Peer) {
	info, ok := peer.NodeInfo().(p2p.DefaultNodeInfo)
	if !ok || !bytes.Contains(info.Channels, []byte{heartbeatChannel}) {
		return
	}
	peer.TrySend(p2p.Envelope{
		ChannelID: heartbeatChannel,
		Message:   &p2pproto.ProtocolVersion{P2P: 1},
	})
	beat.mutex.Lock()
	heard, known := beat.heard[peer.ID()]
	beat.mutex.Unlock()
	if known && time.Since(heard) > silenceMax {
		beat.Switch.StopPeerForError(peer, errSilent)
	}
}

func (beat *heartbeat) forgive() {
	beat.mutex.Lock()
	defer beat.mutex.Unlock()
	for id := range beat.heard {
		beat.heard[id] = time.Now()
	}
}

func (beat *heartbeat) hear(peer p2p.Peer) {
	beat.mutex.Lock()
	defer beat.mutex.Unlock()
	beat.heard[peer.ID()] = time.Now()
}

func (beat *heartbeat) GetChannels() []*conn.ChannelDescriptor {
	return []*conn.ChannelDescriptor{{
		ID:                  heartbeatChannel,
		Priority:            1,
		SendQueueCapacity:   1,
		RecvMessageCapacity: 100,
		MessageType:         &p2pproto.ProtocolVersion{},
	}}
}

func (beat *heartbeat) AddPeer(peer p2p.Peer) { beat.hear(peer) }

func (beat *heartbeat) Receive(envelope p2p.Envelope) { beat.hear(envelope.Src) }

func (beat *heartbeat) RemovePeer(peer p2p.Peer, _ interface{}) {
	beat.mutex.Lock()
	defer beat.mutex.Unlock()
	delete(beat.heard, peer.ID())
}
