// Gossip judged by lnd's own packages, a line out for a line in. Compiled within lnd's module (test/gossip/lnd.test.ts).
//
//	message HEX [SCRIPT|KEY]: reads it (lnwire), verifies it (netann) against the script of its output, or the key of its
//	node, and writes it again.
//	graph JSON: reads a describegraph into lnd's own type and prints it as lncli does.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/lightningnetwork/lnd/lnrpc"
	"github.com/lightningnetwork/lnd/lnwire"
	"github.com/lightningnetwork/lnd/netann"
	"google.golang.org/protobuf/encoding/protojson"
)

type answer struct {
	Kind  string `json:"kind"`
	Valid bool   `json:"valid"`
	Same  bool   `json:"same"`
	Error string `json:"error,omitempty"`
}

func verify(message lnwire.Message, argument []byte) error {
	switch m := message.(type) {
	case lnwire.ChannelAnnouncement:
		return netann.ValidateChannelAnn(m, func(lnwire.ShortChannelID) (txscript.ScriptClass, btcutil.Address, error) {
			class, addresses, _, err := txscript.ExtractPkScriptAddrs(argument, &chaincfg.MainNetParams)
			if err != nil || len(addresses) == 0 {
				return class, nil, err
			}
			return class, addresses[0], nil
		})
	case lnwire.ChannelUpdate:
		key, err := btcec.ParsePubKey(argument)
		if err != nil {
			return err
		}
		return netann.VerifyChannelUpdateSignature(m, key)
	case *lnwire.NodeAnnouncement1:
		return netann.ValidateNodeAnn(m)
	}
	return nil
}

func judge(fields []string) answer {
	raw, err := hex.DecodeString(fields[1])
	if err != nil {
		return answer{Error: err.Error()}
	}
	message, err := lnwire.ReadMessage(bytes.NewReader(raw), 0)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var argument []byte
	if len(fields) > 2 {
		argument, _ = hex.DecodeString(fields[2])
	}
	made := answer{Kind: fmt.Sprintf("%T", message)}
	if err := verify(message, argument); err != nil {
		made.Error = err.Error()
	} else {
		made.Valid = true
	}
	var written bytes.Buffer
	if _, err := lnwire.WriteMessage(&written, message, 0); err == nil {
		made.Same = bytes.Equal(written.Bytes(), raw)
	}
	return made
}

func graph(text string) string {
	var read lnrpc.ChannelGraph
	if err := protojson.Unmarshal([]byte(text), &read); err != nil {
		return fmt.Sprintf(`{"error":%q}`, err.Error())
	}
	made, err := lnrpc.ProtoJSONMarshalOpts.Marshal(&read)
	if err != nil {
		return fmt.Sprintf(`{"error":%q}`, err.Error())
	}
	var line bytes.Buffer
	if err := json.Compact(&line, made); err != nil {
		return fmt.Sprintf(`{"error":%q}`, err.Error())
	}
	return line.String()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), "graph "); found {
			fmt.Println(graph(text))
			continue
		}
		made, _ := json.Marshal(judge(strings.Fields(lines.Text())))
		fmt.Println(string(made))
	}
}
