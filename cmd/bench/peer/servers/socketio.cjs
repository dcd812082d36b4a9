// The least that a Socket.IO server can do for what nod's benchmark asks of it: clients join the one room that they
// name, POST /publish sends to a room, GET /metrics tells memory and CPU. In a folder of its own:
//
//	npm install socket.io@4.8
//	NODE_PATH=node_modules node …/cmd/bench/peer/servers/socketio.cjs 8001
const http = require('node:http')
const { Server } = require('socket.io')
const { version } = require('socket.io/package.json')

const web = http.createServer((req, res) => {
  res.setHeader('Server', `Socket.IO ${version}`)
  if (req.url === '/metrics') {
    const cpu = process.cpuUsage()
    res.end(`process_resident_memory_bytes ${process.memoryUsage.rss()}\nprocess_cpu_seconds_total ${(cpu.user + cpu.system) / 1e6}\n`)
    return
  }
  let body = ''
  req.on('data', (part) => (body += part))
  req.on('end', () => {
    if (req.method !== 'POST' || req.url !== '/publish') return res.writeHead(404).end()
    const { channel, data } = JSON.parse(body)
    io.to(channel).emit('published', data)
    res.writeHead(204).end()
  })
})
const io = new Server(web, { transports: ['websocket'], serveClient: false })
io.on('connection', (socket) => {
  socket.on('subscribe', (channel, done) => {
    socket.join(channel)
    done()
  })
})
web.listen(Number(process.argv[2] ?? 8001), '127.0.0.1')
