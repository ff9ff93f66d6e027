// Sessions of the Go client of nexus, for test/interop/nexus.test.ts.
//
//	nexus features ADDRESS ADDRESS json|msgpack|cbor    prints `ok NAME` for each thing that two sessions do together
//	nexus login ADDRESS REALM METHOD AUTHID SECRET      prints `joined AUTHID AUTHROLE AUTHMETHOD`, or the refusal
//	nexus stay ADDRESS                                  prints `joined` for each session; connects again when one ends
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"gantry/report"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/transport/serialize"
	"github.com/gammazero/nexus/v3/wamp"
	"github.com/gammazero/nexus/v3/wamp/crsign"
)

const patience = 20 * time.Second

var serializers = map[string]serialize.Serialization{
	"json": client.JSON, "msgpack": client.MSGPACK, "cbor": client.CBOR,
}

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 4 && args[0] == "features":
		features(connect(args[1], args[3]), connect(args[2], args[3]))
	case len(args) == 6 && args[0] == "login":
		login(args[1], args[2], args[3], args[4], args[5])
	case len(args) == 2 && args[0] == "stay":
		stay(args[1])
	default:
		report.Fail("usage", errors.New("features, login or stay"))
	}
}

func config(realm string) client.Config {
	return client.Config{Realm: realm, ResponseTimeout: patience, Logger: log.New(io.Discard, "", 0)}
}

func connect(address, serializer string) *client.Client {
	settings := config("realm1")
	settings.Serialization = serializers[serializer]
	session, err := client.ConnectNet(context.Background(), address, settings)
	report.Must("connect", err)
	return session
}

// uriOf returns the URI of the ERROR that ended a call.
func uriOf(err error) wamp.URI {
	var reply client.RPCError
	if errors.As(err, &reply) {
		return reply.Err.Error
	}
	return ""
}

func features(near, far *client.Client) {
	calls(near, far)
	refusals(near, far)
	streams(near, far)
	cancels(near, far)
	events(near, far)
	report.Must("close", near.Close())
	report.OK("goodbye", near.RouterGoodbye() == nil || near.RouterGoodbye().Reason == wamp.CloseGoodbyeAndOut, near.RouterGoodbye())
	report.Must("close", far.Close())
}

func calls(near, far *client.Client) {
	echo := func(_ context.Context, call *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: call.Arguments, Kwargs: call.ArgumentsKw}
	}
	report.Must("register", far.Register("com.example.nexus.echo", echo, nil))
	result, err := near.Call(context.Background(), "com.example.nexus.echo", nil, wamp.List{"a", 2}, wamp.Dict{"b": "c"}, nil)
	report.Must("call", err)
	text, _ := wamp.AsString(result.Arguments[0])
	number, _ := wamp.AsInt64(result.Arguments[1])
	value, _ := wamp.AsString(result.ArgumentsKw["b"])
	report.OK("call", text == "a" && number == 2 && value == "c", result)

	caller := func(_ context.Context, call *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: wamp.List{call.Details["caller"]}}
	}
	report.Must("register", far.Register("com.example.nexus.caller", caller, nil))
	disclosed := wamp.Dict{"disclose_me": true}
	result, err = near.Call(context.Background(), "com.example.nexus.caller", disclosed, nil, nil, nil)
	report.Must("disclosure", err)
	id, _ := wamp.AsID(result.Arguments[0])
	report.OK("disclosure", id == near.ID(), result)

	pattern := func(_ context.Context, call *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: wamp.List{call.Details["procedure"]}}
	}
	report.Must("register", far.Register("com.example.nexus..get", pattern, wamp.Dict{"match": "wildcard"}))
	result, err = near.Call(context.Background(), "com.example.nexus.item.get", nil, nil, nil, nil)
	report.Must("wildcard", err)
	name, _ := wamp.AsString(result.Arguments[0])
	report.OK("wildcard", name == "com.example.nexus.item.get", result)

	shared := wamp.Dict{"invoke": "roundrobin"}
	for _, callee := range []*client.Client{near, far} {
		mine := callee.ID()
		who := func(context.Context, *wamp.Invocation) client.InvokeResult {
			return client.InvokeResult{Args: wamp.List{mine}}
		}
		report.Must("register shared", callee.Register("com.example.nexus.shared", who, shared))
	}
	seen := map[wamp.ID]int{}
	for range 4 {
		result, err = near.Call(context.Background(), "com.example.nexus.shared", nil, nil, nil, nil)
		report.Must("shared", err)
		id, _ := wamp.AsID(result.Arguments[0])
		seen[id]++
	}
	report.OK("shared", seen[near.ID()] == 2 && seen[far.ID()] == 2, seen)
}

func refusals(near, far *client.Client) {
	refuse := func(context.Context, *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Err: "com.example.error.empty", Args: wamp.List{"nothing left"}}
	}
	report.Must("register", far.Register("com.example.nexus.refuse", refuse, nil))
	_, err := near.Call(context.Background(), "com.example.nexus.refuse", nil, nil, nil, nil)
	report.OK("error of a callee", uriOf(err) == "com.example.error.empty", err)
	_, err = near.Call(context.Background(), "com.example.nexus.nobody", nil, nil, nil, nil)
	report.OK("no such procedure", uriOf(err) == wamp.ErrNoSuchProcedure, err)
	report.Must("unregister", far.Unregister("com.example.nexus.refuse"))
	_, err = near.Call(context.Background(), "com.example.nexus.refuse", nil, nil, nil, nil)
	report.OK("unregister", uriOf(err) == wamp.ErrNoSuchProcedure, err)
	err = near.Register("com.example.nexus.echo", refuse, nil)
	report.OK("taken", err != nil, err)
}

func streams(near, far *client.Client) {
	count := func(ctx context.Context, _ *wamp.Invocation) client.InvokeResult {
		for number := range 3 {
			if err := far.SendProgress(ctx, wamp.List{number}, nil); err != nil {
				return client.InvokeResult{Err: "com.example.error.progress"}
			}
		}
		return client.InvokeResult{Args: wamp.List{"end"}}
	}
	report.Must("register", far.Register("com.example.nexus.count", count, nil))
	var numbers []int64
	progress := func(part *wamp.Result) {
		number, _ := wamp.AsInt64(part.Arguments[0])
		numbers = append(numbers, number)
	}
	result, err := near.Call(context.Background(), "com.example.nexus.count", nil, nil, nil, progress)
	report.Must("progressive results", err)
	last, _ := wamp.AsString(result.Arguments[0])
	report.OK("progressive results", fmt.Sprint(numbers) == "[0 1 2]" && last == "end", numbers)
}

func cancels(near, far *client.Client) {
	stopped := make(chan struct{}, 2)
	wait := func(ctx context.Context, _ *wamp.Invocation) client.InvokeResult {
		<-ctx.Done()
		stopped <- struct{}{}
		return client.InvocationCanceled
	}
	report.Must("register", far.Register("com.example.nexus.wait", wait, nil))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := near.Call(ctx, "com.example.nexus.wait", nil, nil, nil, nil)
	report.Within("interrupt", stopped)
	report.OK("cancel", err != nil, err)
	_, err = near.Call(context.Background(), "com.example.nexus.wait", wamp.Dict{"timeout": 200}, nil, nil, nil)
	report.Within("interrupt", stopped)
	report.OK("timeout", uriOf(err) == wamp.ErrTimeout || uriOf(err) == wamp.ErrCanceled, err)
}

func events(near, far *client.Client) {
	received := make(chan *wamp.Event, 16)
	take := func(event *wamp.Event) { received <- event }
	acknowledged := wamp.Dict{"acknowledge": true}
	report.Must("subscribe", far.Subscribe("com.example.nexus.topic", take, nil))
	report.Must("publish", near.Publish("com.example.nexus.topic", acknowledged, wamp.List{"a"}, wamp.Dict{"b": 1}))
	event := report.Within("event", received)
	text, _ := wamp.AsString(event.Arguments[0])
	report.OK("event", text == "a", event)

	report.Must("subscribe", far.Subscribe("com.example.nexus.news", take, wamp.Dict{"match": "prefix"}))
	report.Must("publish", near.Publish("com.example.nexus.news.today", acknowledged, nil, nil))
	event = report.Within("prefix", received)
	topic, _ := wamp.AsString(event.Details["topic"])
	report.OK("prefix", topic == "com.example.nexus.news.today", event)

	report.Must("subscribe", near.Subscribe("com.example.nexus.own", take, nil))
	report.Must("publish", near.Publish("com.example.nexus.own", acknowledged, wamp.List{"excluded"}, nil))
	report.Must("publish", near.Publish("com.example.nexus.own", wamp.Dict{"acknowledge": true, "exclude_me": false}, wamp.List{"own"}, nil))
	event = report.Within("own event", received)
	text, _ = wamp.AsString(event.Arguments[0])
	report.OK("own event", text == "own", event)

	only := wamp.Dict{"acknowledge": true, "eligible": wamp.List{near.ID()}}
	report.Must("publish", near.Publish("com.example.nexus.topic", only, wamp.List{"not for far"}, nil))
	report.Must("publish", near.Publish("com.example.nexus.topic", acknowledged, wamp.List{"for far"}, nil))
	event = report.Within("eligible", received)
	text, _ = wamp.AsString(event.Arguments[0])
	report.OK("eligible", text == "for far", event)

	report.Must("unsubscribe", far.Unsubscribe("com.example.nexus.topic"))
	report.Must("publish", near.Publish("com.example.nexus.topic", acknowledged, wamp.List{"too late"}, nil))
	report.Must("publish", near.Publish("com.example.nexus.news.last", acknowledged, nil, nil))
	event = report.Within("unsubscribe", received)
	topic, _ = wamp.AsString(event.Details["topic"])
	report.OK("unsubscribe", topic == "com.example.nexus.news.last", event)
}

func login(address, realm, method, authid, secret string) {
	settings := config(realm)
	settings.HelloDetails = wamp.Dict{"authid": authid}
	settings.AuthHandlers = map[string]client.AuthFunc{method: func(challenge *wamp.Challenge) (string, wamp.Dict) {
		return answer(method, secret, challenge), wamp.Dict{}
	}}
	if method == "cryptosign" {
		seed, err := hex.DecodeString(secret)
		report.Must("seed", err)
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		settings.HelloDetails["authextra"] = wamp.Dict{"pubkey": hex.EncodeToString(public)}
	}
	session, err := client.ConnectNet(context.Background(), address, settings)
	if err != nil {
		fmt.Println("refused", err)
		return
	}
	details := session.RealmDetails()
	fmt.Println("joined", details["authid"], details["authrole"], details["authmethod"])
	report.Must("close", session.Close())
}

func answer(method, secret string, challenge *wamp.Challenge) string {
	switch method {
	case "wampcra":
		return crsign.RespondChallenge(secret, challenge, nil)
	case "cryptosign":
		seed, _ := hex.DecodeString(secret)
		text, _ := wamp.AsString(challenge.Extra["challenge"])
		bytes, _ := hex.DecodeString(text)
		return hex.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(seed), bytes)) + text
	default:
		return secret
	}
}

func stay(address string) {
	for {
		session, err := client.ConnectNet(context.Background(), address, config("realm1"))
		if err == nil {
			fmt.Println("joined")
			<-session.Done()
		}
		time.Sleep(100 * time.Millisecond)
	}
}
