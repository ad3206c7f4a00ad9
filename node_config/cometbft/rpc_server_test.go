package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/privval"
	coregrpc "github.com/cometbft/cometbft/rpc/grpc"
	"github.com/cometbft/cometbft/types"
)

const (
	deadline = 20 * time.Second
	origin   = "https://shop.example"
)

// TestTheServerKeepsItsSettings asks CometBFT's own node and ours the same.
func TestTheServerKeepsItsSettings(t *testing.T) {
	makers := map[string]node.Provider{"theirs": node.DefaultNewNode, "ours": newNode}
	for name, makeNode := range makers {
		t.Run(name, func(t *testing.T) {
			settings := makeSettings(t)
			addresses := strings.Split(settings.RPC.ListenAddress, ", ,unix://")
			certificate := writeCertificate(t, settings.RPC)
			started, err := makeNode(settings, log.NewNopLogger())
			if err != nil {
				t.Fatal(err)
			}
			if err := started.Start(); err != nil {
				t.Fatal(err)
			}
			ask(t, makeClient(certificate, "tcp", strings.TrimPrefix(addresses[0], "tcp://")))
			ask(t, makeClient(certificate, "unix", addresses[1]))
			askByGRPC(t, settings.RPC.GRPCListenAddress)
			if err := started.Stop(); err != nil {
				t.Fatal(err)
			}
			if _, err := net.Dial("unix", addresses[1]); err == nil {
				t.Error("the node has stopped and still listens")
			}
		})
	}
}

// ask tries what the settings of a node change.
func ask(t *testing.T, client *http.Client) {
	t.Helper()
	const health = `{"jsonrpc":"2.0","id":1,"method":"health"}`
	check := func(method, path, body string, status int, expected string) {
		t.Helper()
		request, _ := http.NewRequest(method, "https://node"+path, strings.NewReader(body))
		request.Header.Set("Origin", origin)
		if path == "/websocket" {
			request.Header.Set("Connection", "upgrade")
			request.Header.Set("Upgrade", "websocket")
			request.Header.Set("Sec-WebSocket-Version", "13")
			request.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
			// CometBFT's websockets are for pages of its own.
			request.Header.Del("Origin")
		}
		response, err := client.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusSwitchingProtocols && status == response.StatusCode {
			return
		}
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != status || !strings.Contains(string(text), expected) {
			t.Errorf("%.60s%s: %d, %s", body, path, response.StatusCode, text)
		}
		if allowed := response.Header.Get("Access-Control-Allow-Origin"); status == http.StatusOK && allowed != origin {
			t.Errorf("%.60s%s: allowed to %q", body, path, allowed)
		}
	}
	check("POST", "/", call("broadcast_tx_sync", "1", "a=1"), http.StatusOK, `"code":`)
	check("POST", "/", call("broadcast_tx_sync", "1", "nonsense"), http.StatusOK, `"code":`)
	check("POST", "/", list(call("broadcast_tx_async", "1", "b=2"), health), http.StatusOK, `"hash"`)
	check("POST", "/", list(health, health, health, health), http.StatusOK, `"result":{}`)
	check("POST", "/", call("broadcast_tx_async", "1", strings.Repeat("a", 4000)), http.StatusBadRequest, "too large")
	check("GET", "/status", "", http.StatusOK, `"rpc_address":"tcp://127.0.0.1:`)
	check("GET", "/unsafe_flush_mempool", "", http.StatusOK, `"result":{}`)
	check("GET", "/websocket", "", http.StatusSwitchingProtocols, "")
}

func askByGRPC(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if _, err := coregrpc.StartGRPCClient(address).Ping(ctx, new(coregrpc.RequestPing)); err != nil {
		t.Error(err)
	}
}

// makeSettings makes the files of a network of one validator, which serves on two addresses by TLS
// and on one by gRPC.
func makeSettings(t *testing.T) *config.Config {
	t.Helper()
	settings := config.DefaultConfig()
	settings.SetRoot(t.TempDir())
	// Its book of addresses is still being written when the node says that it has stopped.
	settings.P2P.PexReactor = false
	config.EnsureRoot(settings.RootDir)
	validator := privval.LoadOrGenFilePV(settings.PrivValidatorKeyFile(), settings.PrivValidatorStateFile())
	genesis := types.GenesisDoc{
		ChainID:    "test-1",
		Validators: []types.GenesisValidator{{PubKey: validator.Key.PubKey, Power: 1}},
	}
	if err := genesis.ValidateAndComplete(); err != nil {
		t.Fatal(err)
	}
	if err := genesis.SaveAs(settings.GenesisFile()); err != nil {
		t.Fatal(err)
	}
	settings.ProxyApp = "kvstore"
	settings.P2P.ListenAddress = "tcp://" + findFreeAddress(t)
	rpc := settings.RPC
	rpc.ListenAddress = "tcp://" + findFreeAddress(t) + ", ,unix://" + filepath.Join(settings.RootDir, "rpc.sock")
	rpc.GRPCListenAddress = "tcp://" + findFreeAddress(t)
	rpc.Unsafe = true
	rpc.CORSAllowedOrigins = []string{origin}
	rpc.MaxBodyBytes = 4000
	rpc.TLSCertFile, rpc.TLSKeyFile = "tls.crt", "tls.key"
	return settings
}

func findFreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// writeCertificate gives a node the certificate that Go has for tests.
func writeCertificate(t *testing.T, settings *config.RPCConfig) *x509.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		settings.CertFile(): {Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
		settings.KeyFile():  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return server.Certificate()
}

// makeClient makes a client that asks at one address, whatever the name.
func makeClient(certificate *x509.Certificate, network, address string) *http.Client {
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial(network, address) }
	return &http.Client{Timeout: deadline, Transport: &http.Transport{
		DialContext:     dial,
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "example.com"},
	}}
}
