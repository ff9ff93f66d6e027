// Sessions of the Go client of xconn, for test/interop/xconn.test.ts.
//
//	xconn features ADDRESS ADDRESS json|msgpack|cbor    prints `ok NAME` for each thing that two sessions do together
//	xconn login ADDRESS REALM METHOD AUTHID SECRET      prints `joined AUTHID AUTHROLE`, or the refusal
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gantry/report"

	"github.com/xconnio/xconn-go"
)

var serializers = map[string]xconn.SerializerSpec{
	"json": xconn.JSONSerializerSpec, "msgpack": xconn.MsgPackSerializerSpec, "cbor": xconn.CBORSerializerSpec,
}

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 4 && args[0] == "features":
		features(connect(args[1], args[3]), connect(args[2], args[3]))
	case len(args) == 6 && args[0] == "login":
		login(args[1], args[2], args[3], args[4], args[5])
	default:
		report.Fail("usage", errors.New("features or login"))
	}
}

func connect(address, serializer string) *xconn.Session {
	client := xconn.Client{SerializerSpec: serializers[serializer]}
	session, err := client.Connect(context.Background(), address, "realm1")
	report.Must("connect", err)
	return session
}

// uriOf returns the URI of the ERROR that ended a request.
func uriOf(err error) string {
	var reply *xconn.Error
	if errors.As(err, &reply) {
		return reply.URI
	}
	return ""
}

func features(near, far *xconn.Session) {
	calls(near, far)
	refusals(near, far)
	streams(near, far)
	events(near, far)
	report.Must("leave", near.Leave())
	report.OK("goodbye", true, nil)
	report.Must("leave", far.Leave())
}

func calls(near, far *xconn.Session) {
	echo := func(_ context.Context, call *xconn.Invocation) *xconn.InvocationResult {
		return &xconn.InvocationResult{Args: call.Args(), Kwargs: call.Kwargs()}
	}
	report.Must("register", far.Register("com.example.xconn.echo", echo).Do().Err)
	result := near.Call("com.example.xconn.echo").Args("a", 2).Kwarg("b", "c").Do()
	report.Must("call", result.Err)
	report.OK("call", result.ArgStringOr(0, "") == "a" && result.ArgInt64Or(1, 0) == 2 && result.KwargStringOr("b", "") == "c", result)

	pattern := func(_ context.Context, call *xconn.Invocation) *xconn.InvocationResult {
		return xconn.NewInvocationResult(call.Details()["procedure"])
	}
	report.Must("register", far.Register("com.example.xconn..get", pattern).Match("wildcard").Do().Err)
	result = near.Call("com.example.xconn.item.get").Do()
	report.Must("wildcard", result.Err)
	report.OK("wildcard", result.ArgStringOr(0, "") == "com.example.xconn.item.get", result)

	for name, callee := range map[string]*xconn.Session{"near": near, "far": far} {
		mine := func(context.Context, *xconn.Invocation) *xconn.InvocationResult {
			return xconn.NewInvocationResult(name)
		}
		report.Must("register shared", callee.Register("com.example.xconn.shared", mine).Invoke("roundrobin").Do().Err)
	}
	seen := map[string]int{}
	for range 4 {
		result = near.Call("com.example.xconn.shared").Do()
		report.Must("shared", result.Err)
		seen[result.ArgStringOr(0, "")]++
	}
	report.OK("shared", seen["near"] == 2 && seen["far"] == 2, seen)
}

func refusals(near, far *xconn.Session) {
	refuse := func(context.Context, *xconn.Invocation) *xconn.InvocationResult {
		return xconn.NewInvocationError("com.example.error.empty", "nothing left")
	}
	registered := far.Register("com.example.xconn.refuse", refuse).Do()
	report.Must("register", registered.Err)
	report.OK("error of a callee", uriOf(near.Call("com.example.xconn.refuse").Do().Err) == "com.example.error.empty", nil)
	report.OK("no such procedure", uriOf(near.Call("com.example.xconn.nobody").Do().Err) == "wamp.error.no_such_procedure", nil)
	report.Must("unregister", registered.Unregister())
	report.OK("unregister", uriOf(near.Call("com.example.xconn.refuse").Do().Err) == "wamp.error.no_such_procedure", nil)
	taken := near.Register("com.example.xconn.echo", refuse).Do().Err
	report.OK("taken", uriOf(taken) == "wamp.error.procedure_already_exists", taken)
}

func streams(near, far *xconn.Session) {
	count := func(_ context.Context, call *xconn.Invocation) *xconn.InvocationResult {
		for number := range 3 {
			if err := call.SendProgress([]any{number}, nil); err != nil {
				return xconn.NewInvocationError("com.example.error.progress", err.Error())
			}
		}
		return xconn.NewInvocationResult("end")
	}
	report.Must("register", far.Register("com.example.xconn.count", count).Do().Err)
	var numbers []int64
	result := near.Call("com.example.xconn.count").ProgressReceiver(func(part *xconn.ProgressResult) {
		numbers = append(numbers, part.ArgInt64Or(0, -1))
	}).Do()
	report.Must("progressive results", result.Err)
	report.OK("progressive results", fmt.Sprint(numbers) == "[0 1 2]" && result.ArgStringOr(0, "") == "end", numbers)
}

func events(near, far *xconn.Session) {
	received := make(chan *xconn.Event, 16)
	take := func(event *xconn.Event) { received <- event }
	subscribed := far.Subscribe("com.example.xconn.topic", take).Do()
	report.Must("subscribe", subscribed.Err)
	report.Must("publish", near.Publish("com.example.xconn.topic").Acknowledge(true).Arg("a").Kwarg("b", 1).Do().Err)
	event := report.Within("event", received)
	report.OK("event", event.ArgStringOr(0, "") == "a", event)

	report.Must("subscribe", far.Subscribe("com.example.xconn.news", take).Match("prefix").Do().Err)
	report.Must("publish", near.Publish("com.example.xconn.news.today").Acknowledge(true).Do().Err)
	event = report.Within("prefix", received)
	report.OK("prefix", event.Details()["topic"] == "com.example.xconn.news.today", event)

	report.Must("subscribe", near.Subscribe("com.example.xconn.own", take).Do().Err)
	report.Must("publish", near.Publish("com.example.xconn.own").Acknowledge(true).Arg("excluded").Do().Err)
	report.Must("publish", near.Publish("com.example.xconn.own").Acknowledge(true).ExcludeMe(false).Arg("own").Do().Err)
	event = report.Within("own event", received)
	report.OK("own event", event.ArgStringOr(0, "") == "own", event)

	report.Must("unsubscribe", subscribed.Unsubscribe())
	report.Must("publish", near.Publish("com.example.xconn.topic").Acknowledge(true).Arg("too late").Do().Err)
	report.Must("publish", near.Publish("com.example.xconn.news.last").Acknowledge(true).Do().Err)
	event = report.Within("unsubscribe", received)
	report.OK("unsubscribe", event.Details()["topic"] == "com.example.xconn.news.last", event)
}

func login(address, realm, method, authid, secret string) {
	connectors := map[string]func(context.Context, string, string, string, string) (*xconn.Session, error){
		"ticket": xconn.ConnectTicket, "wampcra": xconn.ConnectCRA, "cryptosign": xconn.ConnectCryptosign,
	}
	session, err := connectors[method](context.Background(), address, realm, authid, secret)
	if err != nil {
		fmt.Println("refused", err)
		return
	}
	fmt.Println("joined", session.Details().AuthID(), session.Details().AuthRole())
	report.Must("leave", session.Leave())
}
