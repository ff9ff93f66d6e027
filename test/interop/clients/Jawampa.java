import java.util.concurrent.TimeUnit;
import ws.wamp.jawampa.WampClient;
import ws.wamp.jawampa.WampClientBuilder;
import ws.wamp.jawampa.transport.netty.NettyWampClientConnectorProvider;

/**
 * A session of jawampa with its own reconnection, for test/interop/reconnection.test.ts: run it with the jars of
 * ws.wamp.jawampa:jawampa-netty:0.5.0 in the class path.
 */
public class Jawampa {
  public static void main(String[] words) throws Exception {
    WampClient client =
        new WampClientBuilder()
            .withConnectorProvider(new NettyWampClientConnectorProvider())
            .withUri(words[0])
            .withRealm("realm1")
            .withInfiniteReconnects()
            .withReconnectInterval(1, TimeUnit.SECONDS)
            .build();
    client
        .statusChanged()
        .subscribe(
            state -> {
              if (state instanceof WampClient.ConnectedState) System.out.println("joined");
            },
            error -> System.out.println("over"),
            () -> System.out.println("over"));
    client.open();
    Thread.currentThread().join();
  }
}
