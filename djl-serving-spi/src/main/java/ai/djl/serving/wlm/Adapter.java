package ai.djl.serving.wlm;

/** A change to a model's weights; only named in {@code ModelServerListener}. */
public abstract class Adapter<I, O> {}
