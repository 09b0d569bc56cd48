package io.calm.serving.http;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.Rehearsal;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultEventLoopGroup;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalServerChannel;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.prometheus.client.CollectorRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rehearsal over HTTP: requests in every schema, whole and streamed, over a connection inside the
 * JVM. Handler, registry, metrics, request workers and event loop are its own and end with it.
 *
 * <p>The requests are repeated until a round is no longer faster than the best one before it, at
 * most {@link #ROUNDS} times.
 */
public final class HttpRehearsal implements Rehearsal {
  static final int ROUNDS = 12;

  /** The bearer token of the requests, for connections that require one. */
  public static final String API_KEY = "rehearsal";

  /** A round counts as faster if it takes less than this share of the best one before it. */
  private static final double FASTER = 0.95;

  /** Rounds in a row that are not faster before the end. */
  private static final int EVEN_ROUNDS = 2;

  private static final int MAX_BODY_BYTES = 1 << 16;

  /** Bytes of a page of the pool. */
  private static final int PAGE = 8192;

  /** A chunk of the pool has two pages to this power, 256 KiB. */
  private static final int CHUNK_ORDER = 5;

  private static final long END_SECONDS = 2;
  private static final Logger logger = LoggerFactory.getLogger(HttpRehearsal.class);

  private final Function<CalmHttpHandler, ChannelHandler> server;

  /**
   * Creates a rehearsal.
   *
   * @param server returns the handler that sets up one connection, from a socket's bytes to the
   *     given handler of requests
   */
  public HttpRehearsal(Function<CalmHttpHandler, ChannelHandler> server) {
    this.server = server;
  }

  /** Creates a rehearsal over a plain HTTP codec, for a server whose connections are not ours. */
  public static HttpRehearsal withPlainCodec() {
    return new HttpRehearsal(HttpRehearsal::plain);
  }

  @Override
  public void run(ServedModel model, Duration limit) {
    long deadline = System.nanoTime() + limit.toNanos();
    EventLoopGroup loop =
        new DefaultEventLoopGroup(1, new DefaultThreadFactory("calm-rehearsal", true));
    RequestWorkers workers = new RequestWorkers();
    try {
      RehearsalClient client = connect(loop, server.apply(handler(model, workers)));
      int rounds = rounds(client, model, deadline);
      logger.debug(
          "{}: {} rounds of requests before it is ready, {} of at most {} ms",
          model.name(),
          rounds,
          limit.toMillis() - (deadline - System.nanoTime()) / 1_000_000,
          limit.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      end(loop, workers);
    }
  }

  private static CalmHttpHandler handler(ServedModel model, RequestWorkers workers) {
    ModelRegistry registry = new ModelRegistry();
    registry.ready(model);
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), List::of);
    return new CalmHttpHandler(
        registry,
        new TextService(metrics, InstantSource.system()),
        metrics,
        workers,
        Admission.AT_ONCE,
        Responses.PLAIN);
  }

  private static RehearsalClient connect(EventLoopGroup loop, ChannelHandler connection)
      throws InterruptedException {
    // Pooled like the buffers of a server, but on the heap and small, so that nothing stays behind.
    ByteBufAllocator pool = new PooledByteBufAllocator(false, 1, 0, PAGE, CHUNK_ORDER, 0, 0, false);
    Channel listening =
        new ServerBootstrap()
            .group(loop)
            .channel(LocalServerChannel.class)
            .childOption(ChannelOption.ALLOCATOR, pool)
            .childHandler(connection)
            .bind(LocalAddress.ANY)
            .sync()
            .channel();
    RehearsalClient.Answers answers = new RehearsalClient.Answers();
    Channel channel =
        new Bootstrap()
            .group(loop)
            .channel(LocalChannel.class)
            .option(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
            .handler(answers)
            .connect(listening.localAddress())
            .sync()
            .channel();
    return new RehearsalClient(channel, answers);
  }

  /** Sends rounds of requests; returns the number of complete ones. */
  private static int rounds(RehearsalClient client, ServedModel model, long deadline)
      throws InterruptedException {
    long best = Long.MAX_VALUE;
    int even = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      for (RehearsalClient.Request request : RehearsalClient.requests(model, round)) {
        if (!client.send(request, deadline)) {
          return round;
        }
      }
      long nanos = System.nanoTime() - start;
      even = nanos < FASTER * best ? 0 : even + 1;
      best = Math.min(best, nanos);
      if (even == EVEN_ROUNDS) {
        return round + 1;
      }
    }
    return ROUNDS;
  }

  /** Closes the connection, which cancels its request, and ends the threads. */
  private static void end(EventLoopGroup loop, RequestWorkers workers) {
    workers.close();
    boolean ended =
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS)
            .awaitUninterruptibly(END_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      logger.debug("the event loop of the rehearsal is still closing");
    }
  }

  private static ChannelHandler plain(CalmHttpHandler handler) {
    return new ChannelInitializer<Channel>() {
      @Override
      protected void initChannel(Channel channel) {
        channel
            .pipeline()
            .addLast(new HttpServerCodec())
            .addLast(new HttpObjectAggregator(MAX_BODY_BYTES))
            .addLast(new Dispatcher(handler));
      }
    };
  }

  private static final class Dispatcher extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final CalmHttpHandler handler;

    Dispatcher(CalmHttpHandler handler) {
      this.handler = handler;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      handler.handle(context, request, new QueryStringDecoder(request.uri()));
    }
  }
}
