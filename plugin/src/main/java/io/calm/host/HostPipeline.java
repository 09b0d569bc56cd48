package io.calm.host;

import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.SlowReaderTimeout;
import io.calm.serving.reply.ByteBudget;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.timeout.IdleStateHandler;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** The handlers of a connection, from its bytes to the routes. Shared by all connections. */
final class HostPipeline extends ChannelInitializer<Channel> {
  private static final int IDLE_SECONDS = 120;

  private final HostSettings settings;
  private final CalmHttpHandler handler;
  private final ByteBudget answers;
  private final InFlight inFlight;
  private final ErrorLog errors;
  private final BooleanSupplier stopping;
  private final Consumer<Channel> opened;
  private final Cors cors;
  private final HeadCheck heads;

  /**
   * Creates the pipeline.
   *
   * @param answers memory of answers that clients have not read
   * @param errors receives the requests that are answered with an error
   * @param stopping whether connections close with their next answer
   * @param opened receives every connection
   */
  HostPipeline(
      HostSettings settings,
      CalmHttpHandler handler,
      ByteBudget answers,
      InFlight inFlight,
      ErrorLog errors,
      BooleanSupplier stopping,
      Consumer<Channel> opened) {
    this.settings = settings;
    this.handler = handler;
    this.answers = answers;
    this.inFlight = inFlight;
    this.errors = errors;
    this.stopping = stopping;
    this.opened = opened;
    this.cors = new Cors(settings.corsOrigins());
    this.heads =
        new HeadCheck(
            settings.maxBodyBytes(),
            new ApiKey(settings.apiKey()),
            new HostNames(settings.host(), settings.allowedHosts()),
            cors,
            answers);
  }

  @Override
  protected void initChannel(Channel channel) {
    opened.accept(channel);
    StrictRequestDecoder decoder = new StrictRequestDecoder();
    channel
        .pipeline()
        .addLast(new SlowReaderTimeout(settings.slowReaderTimeout()))
        .addLast(new AnswerFlow(answers))
        .addLast(new IdleStateHandler(0, 0, IDLE_SECONDS))
        .addLast(new RequestDeadline(settings.requestReadTimeout(), decoder))
        .addLast(decoder)
        .addLast(new HttpResponseEncoder())
        .addLast(new PipelinedRequests(inFlight))
        .addLast(new ResponseRecord(handler::countResponse, errors))
        .addLast(new CorsHeaders(cors))
        .addLast(heads)
        .addLast(new BodyInflater(settings.maxBodyBytes()))
        .addLast(new RequestGate(handler.bodies(), settings.maxBodyBytes()))
        .addLast(new BodyCollector(settings.maxBodyBytes()))
        .addLast(new RequestDispatcher(handler, stopping));
  }
}
