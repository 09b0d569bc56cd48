package io.calm.serving.djl;

import ai.djl.serving.plugins.RequestHandler;
import io.calm.generate.SchedulerSettings;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ServedModel;
import io.calm.testing.ScriptedModels;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The plugin with the model of the HTTP contract in the place of a checkpoint. A model whose name
 * begins with {@code searching} is never loaded.
 */
public final class ScriptedPlugin implements RequestHandler<@Nullable Void> {
  private final CalmPlugin plugin = new CalmPlugin(ScriptedPlugin::load);

  private static ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
    while (order.name().startsWith("searching")) { // for ever, as far as a test can see
      progress.accept(new Progress.Step(Progress.Kind.CHECKING));
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
    }
    return ScriptedModels.builder(order.name())
        .scheduling(
            new SchedulerSettings(
                ScriptedModels.CONTEXT,
                1024,
                order.settings().generation().maxRunning(),
                order.settings().generation().queueSize(),
                256))
        .lmi(order.lmi())
        .build();
  }

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
