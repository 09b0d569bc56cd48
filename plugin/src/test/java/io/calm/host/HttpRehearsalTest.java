package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.generate.SchedulerStats;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.HttpRehearsal;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.Rehearsal;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import io.calm.testing.TinyLlama;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Rehearsals over the host's own connections and over a plain codec. */
@ExtendWith(NettyLeaks.Check.class)
class HttpRehearsalTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path cache;

  /** A rehearsal that notes its channels and the statuses of its answers. */
  private static final class Watched {
    private final Queue<Channel> channels = new ConcurrentLinkedQueue<>();
    private final Queue<Integer> statuses = new ConcurrentLinkedQueue<>();
    private final Rehearsal rehearsal;

    Watched(HostSettings settings) {
      this(handler -> EmbeddedHost.connections(settings, handler));
    }

    Watched(Function<CalmHttpHandler, ChannelHandler> server) {
      rehearsal =
          new HttpRehearsal(
              handler -> {
                ChannelHandler connection = server.apply(handler);
                return new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channels.add(channel);
                    channel.pipeline().addLast(connection);
                    channel.pipeline().addBefore(dispatcher(channel), "watched", answers());
                  }
                };
              });
    }

    /** Returns the name of the last handler, which answers. */
    private static String dispatcher(Channel channel) {
      List<String> names = channel.pipeline().names();
      return names.get(names.size() - 2); // the tail is last
    }

    private ChannelHandler answers() {
      return new ChannelOutboundHandlerAdapter() {
        @Override
        @SuppressWarnings("FutureReturnValueIgnored") // the promise has the result
        public void write(ChannelHandlerContext context, Object part, ChannelPromise promise) {
          if (part instanceof HttpResponse response) {
            statuses.add(response.status().code());
          }
          context.write(part, promise);
        }
      };
    }
  }

  private static HostSettings settings() {
    return HostSettings.of("127.0.0.1", 0);
  }

  /** Returns the live threads whose names begin so. */
  private static Set<Thread> threads(String prefix) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith(prefix))
        .collect(Collectors.toSet());
  }

  @Test
  void everySchemaIsAnsweredWholeAndStreamedOnTheHostsConnections() {
    for (HostSettings settings :
        List.of(settings(), settings().withApiKey(HttpRehearsal.API_KEY))) {
      Watched watched = new Watched(settings);
      try (ServedModel model = ScriptedModels.create("a model/ü")) {
        assertTimeoutPreemptively(PATIENCE, () -> watched.rehearsal.run(model, LIMIT));
        long requests = model.scheduler().stats().steps();
        assertTrue(requests > 0);
      }
      assertTrue(watched.statuses.size() >= 3 * 6, "rounds: " + watched.statuses);
      assertEquals(Set.of(200), Set.copyOf(watched.statuses));
      assertEquals(0, watched.statuses.size() % 6);
    }
  }

  @Test
  void connectionAndThreadsEndWithIt() throws Exception {
    Set<Thread> workersBefore = threads("calm-request-");
    Watched watched = new Watched(settings());
    try (ServedModel model = ScriptedModels.create("m")) {
      assertTimeoutPreemptively(PATIENCE, () -> watched.rehearsal.run(model, LIMIT));
    }
    assertEquals(1, watched.channels.size());
    assertFalse(watched.channels.element().isOpen());
    Set<Thread> left = threads("calm-request-");
    left.removeAll(workersBefore);
    left.addAll(threads("calm-rehearsal"));
    for (Thread thread : left) {
      thread.join(PATIENCE.toMillis());
      assertFalse(thread.isAlive(), thread::getName);
    }
  }

  @Test
  void noTimeMeansNoRequestAndARefusedOneEndsNothing() {
    Watched late = new Watched(settings());
    Watched refused = new Watched(settings().withApiKey("another"));
    try (ServedModel model = ScriptedModels.create("m")) {
      assertTimeoutPreemptively(PATIENCE, () -> late.rehearsal.run(model, Duration.ZERO));
      assertTimeoutPreemptively(PATIENCE, () -> refused.rehearsal.run(model, LIMIT));
      assertEquals(0, model.scheduler().stats().steps());
    }
    assertEquals(List.of(), List.copyOf(late.statuses));
    assertEquals(Set.of(401), Set.copyOf(refused.statuses));
  }

  @Test
  void aPlainCodecAnswersToo() {
    try (ServedModel model = ScriptedModels.create("m")) {
      assertTimeoutPreemptively(PATIENCE, () -> HttpRehearsal.withPlainCodec().run(model, LIMIT));
      assertTrue(model.scheduler().stats().steps() >= 3 * 6, "answers of two steps or more");
    }
  }

  @Test
  void aLoadedModelHasNoTraceOfItsRehearsal() throws Exception {
    Watched watched = new Watched(settings());
    ModelRegistry registry = new ModelRegistry();
    CalmMetrics metrics = ServerMetrics.create(registry);
    ModelLoader.Loader loader =
        ServerMetrics.metered(
            (order, progress) ->
                ModelLoader.load(
                    order, progress, (view, limit) -> watched.rehearsal.run(view, LIMIT)),
            metrics);
    ServedModel model = loader.load(order("true"), progress -> {});
    registry.ready(model);
    try (registry) {
      // A machine that is too busy has no time for the rehearsal, and there is no status.
      assertTrue(Set.of(200).containsAll(watched.statuses), watched.statuses::toString);
      int blocks = model.scheduler().settings().blocks();
      assertEquals(
          new SchedulerStats(0, 0, 0, blocks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
          model.scheduler().stats());
      String scrape = metrics.text(CalmMetrics.contentType(""));
      assertTrue(scrape.contains("calm_generated_tokens_total{model=\"m\""), scrape);
      assertEquals(
          List.of(),
          scrape
              .lines()
              .filter(line -> line.matches("calm_(request|prompt|generat|queue|time_to|step).*"))
              .filter(line -> !line.endsWith(" 0.0"))
              .toList());
    }
  }

  @Test
  void noWarmUpHasNoRehearsalAndAFailingOneFailsNoLoad() {
    Rehearsal failing =
        (model, limit) -> {
          throw new IllegalStateException("no connection");
        };
    try (ServedModel none = ModelLoader.load(order("false"), progress -> {}, failing);
        ServedModel failed = ModelLoader.load(order("true"), progress -> {}, failing)) {
      assertFalse(none.scheduler().ended());
      assertFalse(failed.scheduler().ended());
      assertEquals(0, failed.scheduler().stats().steps());
    }
  }

  private ModelLoader.Order order(String warmUp) {
    return TinyLlama.rounded(cache, Map.of("calm.warm-up", warmUp));
  }
}
