package io.calm.serving.djl;

import ai.djl.serving.plugins.RequestHandler;
import io.calm.generate.SchedulerSettings;
import io.calm.testing.ScriptedModels;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import org.jspecify.annotations.Nullable;

/** The plugin with the model of the HTTP contract in the place of a checkpoint. */
public final class ScriptedPlugin implements RequestHandler<@Nullable Void> {
  private final CalmPlugin plugin =
      new CalmPlugin(
          order ->
              ScriptedModels.create(
                  order.name(),
                  new SchedulerSettings(
                      ScriptedModels.CONTEXT,
                      65_536,
                      order.settings().maxRunning(),
                      order.settings().queueSize(),
                      256),
                  order.lmi()));

  @Override
  public boolean acceptInboundMessage(Object msg) {
    return plugin.acceptInboundMessage(msg);
  }

  @Override
  public @Nullable Void handleRequest(
      ChannelHandlerContext ctx,
      FullHttpRequest req,
      QueryStringDecoder decoder,
      String[] segments) {
    return plugin.handleRequest(ctx, req, decoder, segments);
  }
}
