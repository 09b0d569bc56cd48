package io.calm.serving.djl;

import ai.djl.engine.Engine;
import ai.djl.serving.plugins.RequestHandler;
import ai.djl.serving.util.NettyUtils;
import ai.djl.serving.wlm.util.EventManager;
import io.calm.metrics.CalmMetrics;
import io.calm.metrics.ServerEndpoint;
import io.calm.search.Progress;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.HttpRehearsal;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.http.SlowReaderTimeout;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.settings.ServerSettings;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The class that {@code META-INF/plugin.definition} exports. Its constructor registers the engine
 * and the model listener. As a request handler, it answers the requests that {@link RequestClaim}
 * selects.
 */
public final class CalmPlugin implements RequestHandler<@Nullable Void> {
  private final RequestClaim claim;
  private final RegistrySync sync;
  private final CalmHttpHandler http;

  /** Called once by DJL Serving, before it loads models. */
  public CalmPlugin() {
    this(
        new ModelLoader.Loader() {
          @Override
          public ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
            return ModelLoader.load(
                order, new ProgressLog(order.name(), progress), HttpRehearsal.withPlainCodec());
          }

          @Override
          public void search(ModelLoader.Order order, Consumer<Progress> progress) {
            ModelLoader.Loader.super.search(order, new ProgressLog(order.name(), progress));
          }
        });
  }

  CalmPlugin(ModelLoader.Loader loader) {
    ModelRegistry registry = new ModelRegistry();
    DjlServer server = new RunningServer();
    JobQueues jobs = new JobQueues(server);
    CalmMetrics metrics = ServerMetrics.create(registry);
    TextService text = new TextService(metrics, InstantSource.system());
    claim = new RequestClaim(registry, server);
    sync = new RegistrySync(registry, server, jobs);
    DjlResponses responses = new DjlResponses();
    http =
        new CalmHttpHandler(registry, text, metrics, new RequestWorkers(), jobs, responses)
            .withPage(ServerSettings.of(Map.of(), System.getenv()).page());
    Engine.registerEngine(
        new CalmEngineProvider(
            registry, ServerMetrics.metered(loader, metrics), text, server::throttleStatus));
    EventManager.getInstance().addListener(new CalmModelServerListener());
    ServerEndpoint.show(metrics); // for as long as the process lives
    sync.start();
    GracefulExit.install(
        () -> {
          registry.drain();
          responses.flush();
        });
  }

  @Override
  public boolean acceptInboundMessage(Object msg) {
    return msg instanceof FullHttpRequest request && claim.claims(request);
  }

  @Override
  public @Nullable Void handleRequest(
      ChannelHandlerContext ctx,
      FullHttpRequest req,
      QueryStringDecoder decoder,
      String[] segments) {
    if (req.method().equals(HttpMethod.OPTIONS)) { // a browser asks first: CORS headers are all
      NettyUtils.sendJsonResponse(ctx, "{}");
      return null;
    }
    SlowReaderTimeout.addTo(ctx.pipeline(), ServedModel.Limits.DEFAULT.slowReaderTimeout());
    sync.look();
    Optional<String> path = claim.path(req);
    QueryStringDecoder target =
        path.isPresent() && !path.get().equals(decoder.rawPath())
            ? new QueryStringDecoder(path.get() + "?" + decoder.rawQuery())
            : decoder;
    http.handle(ctx, req, target);
    return null;
  }
}
