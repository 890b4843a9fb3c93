// Methods that ECMAScript 5 does not have and workflows use; js2py has none of them.
(function (global) {
  'use strict';

  function add(target, methods) {
    for (var name in methods) {
      if (target[name] === undefined) {
        Object.defineProperty(target, name, {
          value: methods[name], writable: true, enumerable: false, configurable: true
        });
      }
    }
  }

  function text(value, method) {
    if (value === null || value === undefined) throw new TypeError(method + ' is for texts');
    return String(value);
  }

  function whole(value) {
    value = Number(value);
    return value !== value ? 0 : value < 0 ? Math.ceil(value) : Math.floor(value);
  }

  function pattern(value, method) {
    if (value instanceof RegExp) throw new TypeError(method + ' takes a text');
    return String(value);
  }

  function repeat(piece, count) {
    if (!(count >= 0 && count < Infinity)) throw new RangeError('Invalid count value: ' + count);
    var result = '';
    for (; count > 0; count = Math.floor(count / 2)) {
      if (count % 2 === 1) result += piece;
      if (count > 1) piece += piece;
    }
    return result;
  }

  function padding(value, length, filler) {
    filler = filler === undefined ? ' ' : String(filler);
    var missing = whole(length) - value.length;
    if (missing <= 0 || filler === '') return '';
    return repeat(filler, Math.ceil(missing / filler.length)).slice(0, missing);
  }

  add(String.prototype, {
    codePointAt: function codePointAt(at) {
      var value = text(this, 'codePointAt'), code = value.charCodeAt(whole(at));
      return code === code ? code : undefined;
    },
    endsWith: function endsWith(search, end) {
      var value = text(this, 'endsWith');
      search = pattern(search, 'endsWith');
      end = end === undefined ? value.length : Math.min(Math.max(whole(end), 0), value.length);
      return end >= search.length && value.slice(end - search.length, end) === search;
    },
    includes: function includes(search, from) {
      return text(this, 'includes').indexOf(pattern(search, 'includes'), whole(from)) >= 0;
    },
    padEnd: function padEnd(length, filler) {
      var value = text(this, 'padEnd');
      return value + padding(value, length, filler);
    },
    padStart: function padStart(length, filler) {
      var value = text(this, 'padStart');
      return padding(value, length, filler) + value;
    },
    repeat: function (count) {
      return repeat(text(this, 'repeat'), whole(count));
    },
    replaceAll: function replaceAll(search, replacement) {
      var value = text(this, 'replaceAll');
      if (search instanceof RegExp) {
        if (!search.global) throw new TypeError('replaceAll must be called with a global RegExp');
        return value.replace(search, replacement);
      }
      return value.replace(new RegExp(String(search).replace(/[\\^$.*+?()[\]{}|\/-]/g, '\\$&'), 'g'), replacement);
    },
    startsWith: function startsWith(search, from) {
      var value = text(this, 'startsWith'), begin = Math.min(Math.max(whole(from), 0), value.length);
      search = pattern(search, 'startsWith');
      return value.slice(begin, begin + search.length) === search;
    },
    trimEnd: function trimEnd() {
      return text(this, 'trimEnd').replace(/\s+$/, '');
    },
    trimStart: function trimStart() {
      return text(this, 'trimStart').replace(/^\s+/, '');
    }
  });
  add(String.prototype, { trimLeft: String.prototype.trimStart, trimRight: String.prototype.trimEnd });

  function found(list, test, that) {
    for (var i = 0; i < list.length; i++) if (test.call(that, list[i], i, list)) return i;
    return -1;
  }

  add(Array.prototype, {
    fill: function fill(value, start, end) {
      var length = this.length, from = start === undefined ? 0 : whole(start);
      var to = end === undefined ? length : whole(end);
      from = from < 0 ? Math.max(length + from, 0) : from;
      to = to < 0 ? length + to : Math.min(to, length);
      for (; from < to; from++) this[from] = value;
      return this;
    },
    find: function find(test, that) {
      return this[found(this, test, that)];
    },
    findIndex: function findIndex(test, that) {
      return found(this, test, that);
    },
    includes: function includes(value) {
      return found(this, function (item) {
        return item === value || item !== item && value !== value;
      }) >= 0;
    }
  });

  function list(source) {
    return typeof source === 'string' ? source.split('') : Array.prototype.slice.call(Object(source));
  }

  add(Array, {
    from: function from(source, change, that) {
      var items = list(source);
      return change ? items.map(function (item, at) { return change.call(that, item, at); }) : items;
    },
    of: function of() {
      return Array.prototype.slice.call(arguments);
    }
  });

  add(Object, {
    assign: function assign(target) {
      for (var i = 1; i < arguments.length; i++) {
        if (arguments[i] === null || arguments[i] === undefined) continue;
        Object.keys(Object(arguments[i])).forEach(function (key) { target[key] = this[key]; }, arguments[i]);
      }
      return target;
    },
    entries: function entries(source) {
      return Object.keys(source).map(function (key) { return [key, source[key]]; });
    },
    values: function values(source) {
      return Object.keys(source).map(function (key) { return source[key]; });
    }
  });

  add(Number, {
    isFinite: function (value) { return typeof value === 'number' && isFinite(value); },
    isInteger: function (value) { return typeof value === 'number' && isFinite(value) && Math.floor(value) === value; },
    isNaN: function (value) { return value !== value; },
    parseFloat: parseFloat,
    parseInt: parseInt
  });

  add(Math, {
    sign: function sign(value) { return value > 0 ? 1 : value < 0 ? -1 : Number(value); },
    trunc: function trunc(value) { return value < 0 ? Math.ceil(value) : Math.floor(value); }
  });
})(this);
