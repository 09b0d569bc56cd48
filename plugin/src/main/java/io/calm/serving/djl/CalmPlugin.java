package io.calm.serving.djl;

import ai.djl.engine.Engine;
import ai.djl.serving.plugins.RequestHandler;
import ai.djl.serving.wlm.util.EventManager;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.ModelRegistry;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelStates;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.text.TextService;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.prometheus.client.CollectorRegistry;
import java.time.InstantSource;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What {@code META-INF/plugin.definition} exports. Its constructor makes the engine known and
 * listens to models; as a request handler it answers what {@link RequestClaim} claims.
 */
public final class CalmPlugin implements RequestHandler<@Nullable Void> {
  private final ModelRegistry registry = new ModelRegistry();
  private final DjlModels all = DjlModels.ofServer();
  private final RequestClaim claim = new RequestClaim(registry, all);
  private final CalmHttpHandler http;

  /** Called by DJL Serving, once, before it loads models. */
  public CalmPlugin() {
    this(
        order ->
            ModelLoader.load(
                order.name(),
                order.url(),
                order.checkpoint(),
                order.settings(),
                order.lmi(),
                new ProgressLog(order.name(), order.progress())));
  }

  CalmPlugin(LoadModel loader) {
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
    TextService text = new TextService(metrics, InstantSource.system());
    http = new CalmHttpHandler(registry, text, metrics, RequestWorkers.create());
    Engine.registerEngine(new CalmEngineProvider(registry, loader, text));
    EventManager.getInstance().addListener(new CalmModelServerListener());
  }

  @Override
  public boolean acceptInboundMessage(Object msg) {
    return msg instanceof FullHttpRequest request && claim.path(request).isPresent();
  }

  @Override
  public @Nullable Void handleRequest(
      ChannelHandlerContext ctx,
      FullHttpRequest req,
      QueryStringDecoder decoder,
      String[] segments) {
    RegistrySync.forget(registry, all);
    Optional<String> path = claim.path(req);
    QueryStringDecoder target =
        path.isPresent() && !path.get().equals(decoder.path())
            ? new QueryStringDecoder(path.get() + "?" + decoder.rawQuery())
            : decoder;
    http.handle(ctx, req, target);
    return null;
  }
}
