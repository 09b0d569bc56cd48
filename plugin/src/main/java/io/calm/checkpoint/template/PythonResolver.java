package io.calm.checkpoint.template;

import com.hubspot.jinjava.el.TypeConvertingMapELResolver;
import com.hubspot.jinjava.el.ext.JinjavaBeanELResolver;
import com.hubspot.jinjava.el.ext.JinjavaListELResolver;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.util.ForLoop;
import java.beans.FeatureDescriptor;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import org.jspecify.annotations.Nullable;

/**
 * What a template may reach from a value: entries of dictionaries, elements of lists, the fields of
 * {@code loop}, filters and tests (which Jinjava calls as methods), and the methods of {@link
 * PythonMethods}. Everything else is undefined.
 */
final class PythonResolver extends ELResolver {
  private final ELResolver maps = new TypeConvertingMapELResolver(true);
  private final ELResolver lists = new JinjavaListELResolver(true);
  private final ELResolver beans = new JinjavaBeanELResolver(true);

  @Override
  public @Nullable Object getValue(ELContext context, Object base, Object property) {
    if (base instanceof Map) {
      return maps.getValue(context, base, property);
    }
    if (base instanceof List) {
      return lists.getValue(context, base, property);
    }
    if (base instanceof ForLoop) {
      return beans.getValue(context, base, property);
    }
    context.setPropertyResolved(true);
    if (base instanceof String text && property instanceof Number index) {
      int at = index.intValue() < 0 ? index.intValue() + text.length() : index.intValue();
      return at >= 0 && at < text.length() ? text.substring(at, at + 1) : null;
    }
    return null;
  }

  @Override
  public @Nullable Object invoke(
      ELContext context,
      Object base,
      Object method,
      Class<?> @Nullable [] types,
      Object @Nullable [] arguments) {
    if (base instanceof Filter || base instanceof ExpTest) {
      return beans.invoke(context, base, method, types, arguments);
    }
    context.setPropertyResolved(true);
    return PythonMethods.call(
        base, String.valueOf(method), arguments == null ? new Object[0] : arguments);
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    context.setPropertyResolved(true);
    return Object.class;
  }

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    context.setPropertyResolved(true);
    return true;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {
    throw new TemplateFault("a chat template may not change " + property);
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return Object.class;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return Collections.emptyIterator();
  }
}
