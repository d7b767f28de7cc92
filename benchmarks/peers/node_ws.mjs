// Node.js with the package ws: one JSON.stringify for a message, one send() for each client of the room.
import { WebSocketServer } from 'ws'

const rooms = new Map()
const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 8192 })

server.on('connection', (socket, request) => {
  const url = new URL(request.url, 'http://localhost')
  const room = url.pathname
  const user = url.searchParams.get('user')
  if (!rooms.has(room)) rooms.set(room, new Set())
  rooms.get(room).add(socket)

  socket.on('message', (data) => {
    const { content } = JSON.parse(data)
    const text = JSON.stringify({ type: 'message', user, content, timestamp: new Date().toISOString() })
    for (const client of rooms.get(room)) {
      if (client.readyState === 1) client.send(text)
    }
  })

  socket.on('close', () => {
    rooms.get(room).delete(socket)
    if (rooms.get(room).size === 0) rooms.delete(room)
  })
})
