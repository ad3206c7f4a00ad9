package main

import (
	"context"

	abcicli "github.com/cometbft/cometbft/abci/client"
	"github.com/cometbft/cometbft/abci/types"
)

// The calls of ABCI 2.0, each a request and the answer to it.

func (c *client) CheckTxAsync(_ context.Context, request *types.RequestCheckTx) (*abcicli.ReqRes, error) {
	return c.enqueue(types.ToRequestCheckTx(request)), nil
}

func (c *client) Flush(context.Context) error {
	_, err := c.ask(types.ToRequestFlush())
	return err
}

func (c *client) Echo(_ context.Context, message string) (*types.ResponseEcho, error) {
	response, err := c.ask(types.ToRequestEcho(message))
	return response.GetEcho(), err
}

func (c *client) Commit(context.Context, *types.RequestCommit) (*types.ResponseCommit, error) {
	response, err := c.ask(types.ToRequestCommit())
	return response.GetCommit(), err
}

func (c *client) Info(_ context.Context, request *types.RequestInfo) (*types.ResponseInfo, error) {
	response, err := c.ask(types.ToRequestInfo(request))
	return response.GetInfo(), err
}

func (c *client) InitChain(_ context.Context, request *types.RequestInitChain) (*types.ResponseInitChain, error) {
	response, err := c.ask(types.ToRequestInitChain(request))
	return response.GetInitChain(), err
}

func (c *client) CheckTx(_ context.Context, request *types.RequestCheckTx) (*types.ResponseCheckTx, error) {
	response, err := c.ask(types.ToRequestCheckTx(request))
	return response.GetCheckTx(), err
}

func (c *client) PrepareProposal(_ context.Context, request *types.RequestPrepareProposal) (*types.ResponsePrepareProposal, error) {
	response, err := c.ask(types.ToRequestPrepareProposal(request))
	return response.GetPrepareProposal(), err
}

func (c *client) ProcessProposal(_ context.Context, request *types.RequestProcessProposal) (*types.ResponseProcessProposal, error) {
	response, err := c.ask(types.ToRequestProcessProposal(request))
	return response.GetProcessProposal(), err
}

func (c *client) ExtendVote(_ context.Context, request *types.RequestExtendVote) (*types.ResponseExtendVote, error) {
	response, err := c.ask(types.ToRequestExtendVote(request))
	return response.GetExtendVote(), err
}

func (c *client) VerifyVoteExtension(_ context.Context, request *types.RequestVerifyVoteExtension) (*types.ResponseVerifyVoteExtension, error) {
	response, err := c.ask(types.ToRequestVerifyVoteExtension(request))
	return response.GetVerifyVoteExtension(), err
}

func (c *client) FinalizeBlock(_ context.Context, request *types.RequestFinalizeBlock) (*types.ResponseFinalizeBlock, error) {
	response, err := c.ask(types.ToRequestFinalizeBlock(request))
	return response.GetFinalizeBlock(), err
}

func (c *client) Query(_ context.Context, request *types.RequestQuery) (*types.ResponseQuery, error) {
	response, err := c.ask(types.ToRequestQuery(request))
	return response.GetQuery(), err
}

func (c *client) ListSnapshots(_ context.Context, request *types.RequestListSnapshots) (*types.ResponseListSnapshots, error) {
	response, err := c.ask(types.ToRequestListSnapshots(request))
	return response.GetListSnapshots(), err
}

func (c *client) OfferSnapshot(_ context.Context, request *types.RequestOfferSnapshot) (*types.ResponseOfferSnapshot, error) {
	response, err := c.ask(types.ToRequestOfferSnapshot(request))
	return response.GetOfferSnapshot(), err
}

func (c *client) LoadSnapshotChunk(_ context.Context, request *types.RequestLoadSnapshotChunk) (*types.ResponseLoadSnapshotChunk, error) {
	response, err := c.ask(types.ToRequestLoadSnapshotChunk(request))
	return response.GetLoadSnapshotChunk(), err
}

func (c *client) ApplySnapshotChunk(_ context.Context, request *types.RequestApplySnapshotChunk) (*types.ResponseApplySnapshotChunk, error) {
	response, err := c.ask(types.ToRequestApplySnapshotChunk(request))
	return response.GetApplySnapshotChunk(), err
}

// isAnswer tells whether a response is of the call that a request is of.
func isAnswer(request *types.Request, response *types.Response) bool {
	switch request.Value.(type) {
	case *types.Request_Echo:
		return response.GetEcho() != nil
	case *types.Request_Flush:
		return response.GetFlush() != nil
	case *types.Request_Commit:
		return response.GetCommit() != nil
	case *types.Request_Info:
		return response.GetInfo() != nil
	case *types.Request_InitChain:
		return response.GetInitChain() != nil
	case *types.Request_CheckTx:
		return response.GetCheckTx() != nil
	case *types.Request_PrepareProposal:
		return response.GetPrepareProposal() != nil
	case *types.Request_ProcessProposal:
		return response.GetProcessProposal() != nil
	case *types.Request_ExtendVote:
		return response.GetExtendVote() != nil
	case *types.Request_VerifyVoteExtension:
		return response.GetVerifyVoteExtension() != nil
	case *types.Request_FinalizeBlock:
		return response.GetFinalizeBlock() != nil
	case *types.Request_Query:
		return response.GetQuery() != nil
	case *types.Request_ListSnapshots:
		return response.GetListSnapshots() != nil
	case *types.Request_OfferSnapshot:
		return response.GetOfferSnapshot() != nil
	case *types.Request_LoadSnapshotChunk:
		return response.GetLoadSnapshotChunk() != nil
	case *types.Request_ApplySnapshotChunk:
		return response.GetApplySnapshotChunk() != nil
	}
	return false
}
