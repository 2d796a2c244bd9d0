# Makes the files of other programs in this directory, and what a reader must see in them (.golden).
# Run it here with Python 3, pyarrow 26 and numpy.
import pyarrow as pa, pyarrow.parquet as pq, datetime as dt, decimal, sys, numpy as np, struct
n=7
D=decimal.Decimal
def opt(f): return [None if i==3 else f(i) for i in range(n)]
tz='America/New_York'
base=dt.datetime(2001,3,31,23,0,0,123456)
t=pa.table({
 'i8':pa.array(opt(lambda i:i-3),pa.int8()),
 'i32':pa.array(opt(lambda i:-i*1000),pa.int32()),
 'u32':pa.array(opt(lambda i:2**32-1-i),pa.uint32()),
 'u64':pa.array(opt(lambda i:2**40+i),pa.uint64()),
 'f32':pa.array([1.5,float('nan'),None,-0.0,3.0,-2.5,0.25],pa.float32()),
 'f64':pa.array([float('nan'),5.0,None,-1.0,3.0,float('inf'),0.25],pa.float64()),
 'f16':pa.array([np.float16(x) for x in [1.5,-2,0,3,4,5,6]],pa.float16()),
 's':pa.array(opt(lambda i:'é%d'%(i%2))),
 'dict':pa.array(opt(lambda i:'v%d'%(i%2))).dictionary_encode(),
 'bin':pa.array(opt(lambda i:bytes([i,255]))),
 'fix':pa.array([bytes([i]*4) for i in range(n)],pa.binary(4)),
 'b':pa.array(opt(lambda i:i%2==0)),
 'd':pa.array(opt(lambda i:dt.date(1969,12,28+(i%4)))),
 'ms':pa.array(opt(lambda i:base+dt.timedelta(hours=i)),pa.timestamp('ms')),
 'us':pa.array(opt(lambda i:base+dt.timedelta(hours=i)),pa.timestamp('us',tz)),
 'ns':pa.array([None if i==3 else -1-i for i in range(n)],pa.timestamp('ns','UTC')),
 'dec9':pa.array(opt(lambda i:D(i-2)/100),pa.decimal128(9,2)),
 'dec38':pa.array(opt(lambda i:D(i-3)*10**30),pa.decimal128(38,3)),
 'list':pa.array([[1,2],[],None,[None,3],[4],[5,6,7],[8]],pa.list_(pa.int32())),
 'st':pa.array([{'b':1,'a':'x'},None,{'b':None,'a':'y'},{'b':2,'a':None},{'b':3,'a':'z'},None,{'b':4,'a':''}],pa.struct([('b',pa.int64()),('a',pa.string())])),
 'ls':pa.array([[{'q':1,'p':'x'}],[],None,[None,{'q':2,'p':None}],[{'q':3,'p':'a'},{'q':4,'p':'b'}],[],[]],pa.list_(pa.struct([('q',pa.int64()),('p',pa.string())]))),
 'map':pa.array([[('k',1)],[],None,[('a',2),('b',3)],[],[],[]],pa.map_(pa.string(),pa.int64())),
 'time':pa.array([i*10**6 for i in range(n)],pa.time64('us')),
 'null':pa.nulls(n),
})
pq.write_table(t,'foreign.parquet',row_group_size=3,data_page_size=64)
pq.write_table(t.select(['i32','s','ms','f64']),'foreign_v1.parquet',version='1.0',use_deprecated_int96_timestamps=False,data_page_version='1.0',compression='gzip')
pq.write_table(t.select(['us','ns','ms']),'int96.parquet',use_deprecated_int96_timestamps=True,compression='zstd')
pq.write_table(t.drop_columns(['map','f16','time','null']).select(['i32','s','dec38','list','ls']),'v2.parquet',data_page_version='2.0',compression='brotli',row_group_size=4)
pq.write_table(t.select(['i32','s','list','dec38']),'lz4.parquet',compression='lz4',row_group_size=4)
import pyarrow.feather as fe
t2=t.drop_columns(['map','time','f16'])
fe.write_feather(t2,'foreign.feather',compression='zstd',chunksize=4)

# What a reader must see, in the JSON of this project: types first, then the rows.
import base64, json, math
def typ(x):
    p=pa.types
    if p.is_dictionary(x): return typ(x.value_type)
    if p.is_integer(x): return 'int64'
    if p.is_floating(x): return 'float64'
    if p.is_string(x) or p.is_null(x): return 'string'
    if p.is_boolean(x): return 'boolean'
    if p.is_binary(x) or p.is_fixed_size_binary(x): return 'bytes'
    if p.is_date(x): return 'date32'
    if p.is_timestamp(x): return 'timestamp'
    if p.is_decimal(x): return 'decimal(38, %d)'%x.scale
    if p.is_list(x): return 'list<%s>'%typ(x.value_type)
    if p.is_struct(x): return 'struct<%s>'%', '.join('%s: %s'%(f.name,typ(f.type)) for f in x)
def micros(sc,x):
    v=sc.value
    return {'s':v*10**6 if x.unit=='s' else 0,'ms':v*1000,'us':v,'ns':v//1000}[x.unit]
def val(sc):
    x=sc.type
    if not sc.is_valid: return 'null'
    p=pa.types
    if p.is_dictionary(x): return json.dumps(sc.as_py(),ensure_ascii=False)
    if p.is_floating(x):
        f=float(sc.as_py())
        return 'NaN' if math.isnan(f) else '+Inf' if f==math.inf else repr(f)
    if p.is_integer(x): return str(sc.as_py())
    if p.is_boolean(x): return 'true' if sc.as_py() else 'false'
    if p.is_string(x): return json.dumps(sc.as_py(),ensure_ascii=False)
    if p.is_binary(x) or p.is_fixed_size_binary(x): return json.dumps(base64.b64encode(sc.as_py()).decode())
    if p.is_date(x): return json.dumps(sc.as_py().isoformat())
    if p.is_timestamp(x):
        m=micros(sc,x); t=dt.datetime(1970,1,1)+dt.timedelta(microseconds=m)
        s=t.strftime('%Y-%m-%dT%H:%M:%S')+('.%06d'%t.microsecond).rstrip('0').rstrip('.')
        return json.dumps(s+'Z')
    if p.is_decimal(x): return json.dumps(format(sc.as_py(),'f'))
    if p.is_list(x): return '['+','.join(val(v) for v in sc.values)+']'
    if p.is_struct(x): return '{'+','.join(json.dumps(k)+':'+val(v) for k,v in sc.items())+'}'
def golden(name,t,skip=()):
    t=t.drop_columns([c for c in skip if c in t.column_names])
    out=' '.join('%s:%s'%(f.name,typ(f.type)) for f in t.schema)+' \n'
    for i in range(t.num_rows): out+=' '.join(val(c[i]) for c in t.columns)+' \n'
    open(name+'.golden','w').write(out)
skip=('map','time','null','f16')
for f in ['foreign.parquet','foreign_v1.parquet','int96.parquet','v2.parquet','lz4.parquet']: golden(f,pq.read_table(f),skip)
golden('foreign.feather',fe.read_table('foreign.feather'))
